"""Decide photos with a bundle, without the workflow: ``python -m stylevote BUNDLE PHOTOS -o decisions.csv``.

Other commands are ``serve`` and ``export`` (with a bundle) and ``compare`` (with two results folders).

Imports are late: processes that decode photos begin by reading this file.
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
from stylevote.wording import plural

MAX_THREADS = 1024
DEVICES = ("auto", "cpu", "cuda")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
ROOM_ELSEWHERE = "make room, or write to another disk (decoded photos go to TMPDIR)"


def decide(arguments: argparse.Namespace) -> None:
    """Write the decisions, a row per photo, and the details of each decision if asked for."""
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.decide import decide as decide_by  # noqa: PLC0415
    from stylevote.ensemble.decisions import write_decisions, write_details  # noqa: PLC0415

    for path in (arguments.output, arguments.details):
        if path and not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}; make it first")
        if path and (path.is_dir() or not os.access(path.parent, os.W_OK)):
            raise InputError(
                f"{path}: cannot be written: it is a folder, or its folder is read-only; name another file"
            )
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
    """Serve a page to try the bundle until the process is stopped."""
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.serve import serve as serve_page  # noqa: PLC0415

    serve_page(open_bundle(arguments.bundle), arguments.port, arguments.threads, arguments.device)


def export(arguments: argparse.Namespace) -> None:
    """Write networks of the bundle as ONNX files."""
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.export import export_networks  # noqa: PLC0415

    paths = export_networks(open_bundle(arguments.bundle), arguments.folder, arguments.runs, arguments.threads)
    logging.info("%s: %s", plural(len(paths), "network"), arguments.folder)


def compare(arguments: argparse.Namespace) -> None:
    """Print the F-beta of two ensembles' decisions for the same photos, label by label."""
    from stylevote.estimate.compare import compare_folders  # noqa: PLC0415

    folders = arguments.first, arguments.second
    print(compare_folders(*folders, arguments.photoset, resamples=arguments.resamples, beta=arguments.beta))


def _threads(text: str) -> int:
    """Return a number of threads; raise `ArgumentTypeError` for anything else."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to {MAX_THREADS}")
    return int(text)


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line without a command."""
    parser = argparse.ArgumentParser(
        prog="python -m stylevote",
        description="Decide photos with a bundle, without the workflow.",
        epilog="Other commands: 'serve BUNDLE' shows a page to try it, 'export BUNDLE FOLDER' writes its networks as "
        "ONNX files, 'compare RESULTS OTHER_RESULTS' compares two ensembles. For their options, add '--help'.",
    )
    parser.add_argument("bundle", type=Path, help="folder of the bundle: results/bundle of a workflow")
    parser.add_argument("photos", type=Path, help="folder of photos; folders in it count")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV to write: 0 or 1 per photo and label")
    parser.add_argument(
        "--details", type=Path, help="CSV to write: score, threshold and agreement of the folds per decision"
    )
    parser.add_argument("--skip-bad-photos", action="store_true", help="leave out unreadable photos")
    _add_threads(parser)
    parser.add_argument("--device", choices=DEVICES, default="auto", help="(default auto: a GPU if there is one)")
    return parser


def serve_options() -> argparse.ArgumentParser:
    """Return the parser of ``serve``."""
    parser = _command("serve", "Show a page to try a bundle: drop photos, see decisions and where networks look.")
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--port", type=int, help="port at 127.0.0.1 (default: the first free one from 7860 on)")
    _add_threads(parser)
    parser.add_argument(
        "--device", choices=DEVICES, default="cpu", help="(default cpu; a GPU is then taken until the page ends)"
    )
    return parser


def export_options() -> argparse.ArgumentParser:
    """Return the parser of ``export``."""
    parser = _command("export", "Write networks of a bundle as ONNX files, each checked against torch.")
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("folder", type=Path, help="folder to write them to")
    parser.add_argument("--runs", nargs="+", metavar="RUN", help="runs whose networks to write (default: all)")
    _add_threads(parser)
    return parser


def compare_options() -> argparse.ArgumentParser:
    """Return the parser of ``compare``."""
    from stylevote.estimate.bootstrap import RESAMPLES  # noqa: PLC0415
    from stylevote.metrics import BETA  # noqa: PLC0415

    parser = _command(
        "compare",
        "Compare two ensembles' decisions for the same photos: F-beta per label, with intervals. Without --photoset, "
        "the nested decisions for the training photos are compared.",
    )
    parser.add_argument("first", type=Path, help="results folder of an ensemble")
    parser.add_argument("second", type=Path, help="results folder of another ensemble")
    parser.add_argument("--photoset", help="photoset with labels, whose decisions are compared")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help=f"number of resamples (default {RESAMPLES})")
    parser.add_argument("--beta", type=float, default=BETA, help=f"weight of recall (default {BETA:g})")
    return parser


def _command(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylevote", description=description)
    parser.add_argument("command", choices=[name], metavar=name, help="this command")
    return parser


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=_threads, default=1, help="processor threads to use (default 1)")


COMMANDS = {"serve": (serve_options, serve), "export": (export_options, export), "compare": (compare_options, compare)}


def without_results(arguments: argparse.Namespace, program: Callable[[argparse.Namespace], None]) -> None:
    """Call a program whose user has no configuration: a full disk gets another remedy than the key `results`.

    Raises:
        InputError: an error of the program, or a disk that cannot be written.
    """
    try:
        program(arguments)
    except InputError as error:
        raise InputError(str(error).replace(ROOM, ROOM_ELSEWHERE)) from error
    except OSError as error:
        if remedy := unwritable(error):
            raise InputError(f"{error.filename or 'TMPDIR'}: {remedy.replace(ROOM, ROOM_ELSEWHERE)}") from error
        raise


def stop(number: int, _: object) -> None:
    """Stop the program, so that decoded photos are removed."""
    for stop_signal in STOP_SIGNALS:
        signal.signal(stop_signal, signal.SIG_IGN)  # a second signal would leave decoded photos
    for child in multiprocessing.active_children():  # they would decode their remaining photos first
        child.terminate()
    raise KeyboardInterrupt(number)


if __name__ == "__mp_main__":  # a process that decodes photos: its parent ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if __name__ == "__main__":
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    make_options, program = COMMANDS.get(" ".join(sys.argv[1:2]), (options, decide))
    try:
        arguments = make_options().parse_args()
        end_with(partial(without_results, arguments, program=program))
    except KeyboardInterrupt as stopped:
        (number,) = stopped.args
        print(f"stopped by {signal.Signals(number).name}", file=sys.stderr)
        sys.exit(128 + number)
