"""A `python` that starts at once: a program is a process forked from one that has imported what programs import.

A start from scratch imports for seconds, and at its end Python takes apart what it imported: a workflow does both for
each of its jobs. `python()` gives the path of an executable that takes a program, or `-m` and a module, and arguments;
all else it leaves to Python itself. A program is executed as ever, with its own modules: what it says, and how it ends,
is the same. Tests that kill processes use the usual Python: here, a job is no child of who started it.
"""

import atexit
import importlib
import marshal
import os
import runpy
import select
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

# Nothing of the workflow's own may be here: each test has a copy of it.
FOR_SNAKEMAKE = ("snakemake.cli", "snakemake.report.html_reporter", "smart_open", "pandas", "PIL.Image")
FOR_PROGRAMS = ("pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "sklearn.metrics", "sklearn.linear_model")
FOR_PROGRAMS += ("xgboost", "torch", "torchvision", "timm", "PIL.Image", "safetensors.torch")
# Whatever threads a job asks for, it asks for itself; libraries read these when they are imported.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
CLIENT = """#!{python} -IS
import marshal, os, signal, socket, sys
command = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
try:
    if not command or command[0].startswith("-") and command[0] != "-m":
        raise OSError
    server.connect({address!r})
except OSError:
    os.execv({python!r}, [{python!r}, *command])
data = marshal.dumps([command, os.getcwd(), dict(os.environ)])
socket.send_fds(server, [len(data).to_bytes(8, "big")], [0, 1, 2])
server.sendall(data)
process = int.from_bytes(server.recv(8), "big")
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(process, number))
status = int.from_bytes(server.recv(8), "big", signed=True)
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


@cache
def python() -> str:
    """Return the path of the executable; its server ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    atexit.register(folder.cleanup)
    address, client = f"{folder.name}/socket", Path(folder.name, "bin", "python")
    client.parent.mkdir()
    client.write_text(CLIENT.format(python=sys.executable, address=address))
    client.chmod(0o755)
    listener = socket.create_server(address, family=socket.AF_UNIX, backlog=64)
    server = subprocess.Popen(
        [sys.executable, __file__, str(client), str(listener.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        start_new_session=True,
        env=os.environ | ONE_THREAD,
    )
    listener.close()

    def end() -> None:
        server.stdin.close()
        server.wait()

    atexit.register(end)
    return str(client)


def serve(client: str, listener: socket.socket) -> None:
    """Fork a process for each program that is asked for, until standard input ends."""
    sys.path.pop(0)  # the folder of the tests
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        reap()
        connection, _ = listener.accept()
        head, files, _, _ = socket.recv_fds(connection, 8, 3)
        with connection.makefile("rb") as stream:
            command, folder, environment = marshal.loads(stream.read(int.from_bytes(head, "big")))
        is_snakemake = command[:2] == ["-m", "snakemake"]
        for name in FOR_SNAKEMAKE if is_snakemake else FOR_PROGRAMS:
            importlib.import_module(name)
        if not os.fork():
            listener.close()
            process = os.fork()
            if not process:
                connection.close()
                if is_snakemake:
                    sys.executable = client  # which its jobs are started with
                execute(command, folder, environment, files)
            connection.sendall(process.to_bytes(8, "big"))
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            connection.sendall(status.to_bytes(8, "big", signed=True))
            os._exit(0)
        connection.close()
        for file in files:
            os.close(file)
    reap()


def reap() -> None:
    """Wait for processes that have ended, so that what programs cost counts as what the tests cost."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def execute(command: list[str], folder: str, environment: dict[str, str], files: list[int]) -> None:
    """Be the program in its folder, with its environment and its standard input and outputs; do not return."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0:0] = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    become(command)


def become(command: list[str]) -> None:
    """Be the program, in a process that was forked for it; do not return."""
    status: object = 0
    try:
        if command[0] == "-m":
            sys.path.insert(0, str(Path.cwd()))
            sys.argv = command[1:]
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(command[0]).parent.resolve()))
            sys.argv = command
            runpy.run_path(str(Path(command[0]).absolute()), run_name="__main__")
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    # What Python does at its end but for taking all modules apart, which would cost seconds here.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
