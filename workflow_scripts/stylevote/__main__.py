"""Decide photos with a bundle, without the workflow: ``python -m stylevote BUNDLE PHOTOS -o decisions.csv``.

``serve`` and ``export`` in the place of the bundle do something else with the bundle that follows; ``compare`` compares
two results folders.

What is imported is imported late: processes that decode photos begin by reading this file.
"""

import argparse
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stylevote.cli import end_with
from stylevote.errors import ROOM, InputError, unwritable

MOST_THREADS = 1024
DEVICES = ("auto", "cpu", "cuda")
STOPPING = (signal.SIGINT, signal.SIGTERM)
ELSEWHERE = "make room, or write to another disk (decoded photos go to TMPDIR)"


def decide(arguments: argparse.Namespace) -> None:
    """Write the decisions, a row per photo, and what led to them if asked for."""
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.decide import decide as decide_by  # noqa: PLC0415
    from stylevote.ensemble.decisions import write_decisions, write_details  # noqa: PLC0415

    for path in (arguments.output, arguments.details):
        if path and not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent} to write it to")
        if path and (path.is_dir() or not os.access(path.parent, os.W_OK)):
            raise InputError(f"{path}: cannot be written: it is a folder, or lies in one that is not to be written to")
    if arguments.output == arguments.details:
        raise InputError(f"--details: found {arguments.details}, expected another file than --output")
    bundle = open_bundle(arguments.bundle)
    if bundle.other_versions:
        logging.warning("scores may differ in their last digits: %s", ", ".join(bundle.other_versions))
    on_bad_photo = "skip" if arguments.skip_bad_photos else "fail"
    table = decide_by(
        bundle,
        arguments.photos,
        on_bad_photo=on_bad_photo,
        threads=arguments.threads,
        device=arguments.device,
        progress=True,
    )
    labels = bundle.labels
    decisions = table["decision"].to_numpy().reshape(-1, len(labels))
    write_decisions(decisions, table["image_id"].to_numpy()[:: len(labels)], labels, arguments.output)
    if arguments.details:
        write_details(table, arguments.details)
    logging.info("%d photos decided, %d labels each: %s", len(decisions), len(labels), arguments.output)


def serve(arguments: argparse.Namespace) -> None:
    """Serve the page to try the bundle until the process is told to end."""
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.serve import serve as serve_page  # noqa: PLC0415

    serve_page(open_bundle(arguments.bundle), arguments.port, arguments.threads, arguments.device)


def export(arguments: argparse.Namespace) -> None:
    """Write networks of the bundle as ONNX files."""
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.export import export_networks  # noqa: PLC0415
    from stylevote.wording import plural  # noqa: PLC0415

    paths = export_networks(open_bundle(arguments.bundle), arguments.folder, arguments.runs, arguments.threads)
    logging.info("%s: %s", plural(len(paths), "network"), arguments.folder)


def compare(arguments: argparse.Namespace) -> None:
    """Print how good two ensembles' decisions for the same photos are, label by label."""
    from stylevote.estimate.compare import compare_folders  # noqa: PLC0415

    folders = arguments.one, arguments.other
    print(compare_folders(*folders, arguments.photoset, resamples=arguments.resamples, beta=arguments.beta))


def _threads(text: str) -> int:
    """Return a number of threads; `ArgumentTypeError` where it is none."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to {MOST_THREADS}")
    return int(text)


def options() -> argparse.ArgumentParser:
    """Return what the command line may hold."""
    found = argparse.ArgumentParser(
        prog="python -m stylevote",
        description="Decide photos with a bundle, without the workflow.",
        epilog="Further commands: 'serve BUNDLE' shows a page to try it, 'export BUNDLE FOLDER' writes its networks as "
        "ONNX files, 'compare RESULTS OTHER_RESULTS' compares two ensembles; '--help' after 'serve', 'export' or "
        "'compare' says more.",
    )
    found.add_argument("bundle", type=Path, help="folder of the bundle: results/bundle of a workflow")
    found.add_argument("photos", type=Path, help="folder of photos, those in folders below it included")
    found.add_argument("-o", "--output", type=Path, required=True, help="CSV to write: 0 or 1 for each photo and label")
    found.add_argument(
        "--details", type=Path, help="CSV to write, too: score, threshold, agreement of the folds for each decision"
    )
    found.add_argument("--skip-bad-photos", action="store_true", help="leave out photos that cannot be read")
    found.add_argument("--threads", type=_threads, default=1, help="processor threads to use (default 1)")
    found.add_argument("--device", choices=DEVICES, default="auto", help="where (default auto: a GPU if there is one)")
    return found


def serve_options() -> argparse.ArgumentParser:
    """Return what the command line of ``serve`` may hold."""
    found = _command("serve", "Show a page to try a bundle: drop photos, see decisions and where networks look.")
    found.add_argument("bundle", type=Path, help="folder of the bundle")
    found.add_argument("--port", type=int, help="to listen on, at 127.0.0.1 (default: the first free one from 7860 on)")
    found.add_argument("--threads", type=_threads, default=1, help="processor threads to use (default 1)")
    found.add_argument(
        "--device", choices=DEVICES, default="cpu", help="where (default cpu; a GPU is then taken until the page ends)"
    )
    return found


def export_options() -> argparse.ArgumentParser:
    """Return what the command line of ``export`` may hold."""
    found = _command("export", "Write networks of a bundle as ONNX files, each checked against torch.")
    found.add_argument("bundle", type=Path, help="folder of the bundle")
    found.add_argument("folder", type=Path, help="where to write them")
    found.add_argument("--runs", nargs="+", metavar="RUN", help="runs whose networks are wanted (default: all)")
    found.add_argument("--threads", type=_threads, default=1, help="processor threads to use (default 1)")
    return found


def compare_options() -> argparse.ArgumentParser:
    """Return what the command line of ``compare`` may hold."""
    from stylevote.bootstrap import RESAMPLES  # noqa: PLC0415
    from stylevote.metrics import BETA  # noqa: PLC0415

    found = _command(
        "compare",
        "Compare two ensembles' decisions for the same photos: each label's F-beta, and how far chance reaches. "
        "Without --photoset, the honest decisions for the training photos are compared.",
    )
    found.add_argument("one", type=Path, help="results folder of an ensemble")
    found.add_argument("other", type=Path, help="results folder of another one")
    found.add_argument("--photoset", help="compare the decisions for these photos, whose labels are known")
    found.add_argument("--resamples", type=int, default=RESAMPLES, help=f"samples drawn (default {RESAMPLES})")
    found.add_argument("--beta", type=float, default=BETA, help=f"of the F-beta (default {BETA:g})")
    return found


def _command(name: str, description: str) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m stylevote", description=description)
    found.add_argument("command", choices=[name], metavar=name, help="this command")
    return found


COMMANDS = {"serve": (serve_options, serve), "export": (export_options, export), "compare": (compare_options, compare)}


def without_results(arguments: argparse.Namespace, program: Callable[[argparse.Namespace], None]) -> None:
    """Call a program whose user has no configuration, and so no key `results`, to mend a full disk with.

    Raises:
        InputError: see the program; what cannot be written.
    """
    try:
        program(arguments)
    except InputError as error:
        raise InputError(str(error).replace(ROOM, ELSEWHERE)) from error
    except OSError as error:
        if why := unwritable(error):
            raise InputError(f"{error.filename or 'TMPDIR'}: {why.replace(ROOM, ELSEWHERE)}") from error
        raise


def stop(number: int, _: object) -> None:
    """End what is being done, in a way that removes the photos that were decoded."""
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)  # a second signal would leave them
    for child in multiprocessing.active_children():  # each would first decode what it was given
        child.terminate()
    raise KeyboardInterrupt(number)


if __name__ == "__mp_main__":  # of a process that decodes photos: who started it ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if __name__ == "__main__":
    for number in STOPPING:
        signal.signal(number, stop)
    asked, program = COMMANDS.get(" ".join(sys.argv[1:2]), (options, decide))
    try:
        arguments = asked().parse_args()
        end_with(partial(without_results, arguments, program=program))
    except KeyboardInterrupt as stopped:
        (number,) = stopped.args
        print(f"stopped by {signal.Signals(number).name}", file=sys.stderr)
        sys.exit(128 + number)
