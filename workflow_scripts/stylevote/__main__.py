"""Commands for people, without the workflow: ``python -m stylevote BUNDLE PHOTOS -o decisions.csv``, and `COMMANDS`.

Commands import their modules late: processes that decode photos first import this file.
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
from typing import Annotated, Literal

from stylevote.bootstrap import RESAMPLES
from stylevote.cli import end_with, parse
from stylevote.errors import ROOM, InputError, unwritable
from stylevote.metrics import BETA

MAX_THREADS = 1024
STOPPING = (signal.SIGINT, signal.SIGTERM)
ELSEWHERE = "make room, or write to another disk (decoded photos go to TMPDIR)"
FURTHER = (
    "Further commands: 'new PHOTOS TABLE' writes a configuration for new photos, 'serve BUNDLE' shows a page to try a "
    "bundle, 'export BUNDLE FOLDER' writes its networks as ONNX, 'compare RESULTS OTHER_RESULTS' compares two "
    "ensembles, and 'sets' says what ready sets of runs cost here. '--help' after a command describes it."
)


def thread_count(text: str) -> int:
    """Return a number of threads; raise `ArgumentTypeError` if it is none."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to {MAX_THREADS}")
    return int(text)


Threads = Annotated[int, thread_count]
Device = Literal["auto", "cpu", "cuda"]
Form = Literal["table", "challenge", "probabilities", "joined"]


def decide(
    bundle: Path,
    photos: Path,
    /,
    output: Annotated[Path, "-o"],
    details: Path | None = None,
    form: Form = "table",
    separator: str = " ",
    skip_bad_photos: bool = False,
    take_cut_photos: bool = False,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Decide photos with a bundle, without the workflow.

    Args:
        bundle: folder of the bundle: results/bundle of a workflow
        photos: folder of photos, including subfolders
        output: CSV to write: 0 or 1 for each photo and label
        details: second CSV to write: score, threshold and agreement of the folds for each decision
        form: of the CSV: table (default), challenge (without a header), probabilities (scores instead of 0 and 1), or
            joined (labels in one cell)
        separator: text between labels in one cell (default: a space)
        skip_bad_photos: leave out photos that cannot be read; OUTPUT.left_out.csv lists them
        take_cut_photos: use JPEGs that lack their last bytes
        threads: processor threads to use (default 1)
        device: device to compute on (default auto: a GPU if there is one)
    """
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.decide import decide as decide_photos  # noqa: PLC0415
    from stylevote.ensemble.decisions import write_decisions, write_details  # noqa: PLC0415

    for path in filter(None, (output, details)):
        if not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent} to write it to")
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise InputError(f"{path}: cannot be written: it is a folder, or is in a folder without write permission")
    if output == details:
        raise InputError(f"--details: found {details}, expected another file than --output")
    opened = open_bundle(bundle)
    if form == "joined" and (within := [label for label in opened.labels if separator in label]):
        raise InputError(f"--separator: found {separator!r}, which is in the label {within[0]!r}; choose another text")
    if opened.other_versions:
        logging.warning("scores may differ in their last digits: %s", ", ".join(opened.other_versions))
    left_out = output.with_name(f"{output.name}.left_out.csv")
    table = decide_photos(
        opened,
        photos,
        on_bad_photo="skip" if skip_bad_photos else "fail",
        cut_photos="take" if take_cut_photos else "bad",
        left_out=left_out,
        threads=threads,
        device=device,
        progress=True,
    )
    labels = opened.labels
    values = table["score" if form == "probabilities" else "decision"].to_numpy().reshape(-1, len(labels))
    image_ids = table["image_id"].to_numpy()[:: len(labels)]
    write_decisions(values, image_ids, labels, output, {"joined": separator} if form == "joined" else form)
    if details:
        write_details(table, details)
    logging.info("%d photos decided, %d labels each: %s", len(values), len(labels), output)


def serve(
    bundle: Path,
    /,
    port: int | None = None,
    host: str = "127.0.0.1",
    root_path: str = "",
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Show a page to try a bundle: drop photos, see decisions and where networks look.

    Args:
        bundle: folder of the bundle
        port: to listen on (default: the first free port from 7860)
        host: address to listen on (default 127.0.0.1: this machine; 0.0.0.0 for all, which asks for no password)
        root_path: URL or path at which a proxy shows the page, such as https://example.org/photos
        threads: processor threads to use (default 1)
        device: device to compute on (default cpu; with cuda, the page keeps a GPU until it ends)
    """
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.serve import serve as serve_page  # noqa: PLC0415

    serve_page(open_bundle(bundle), port=port, threads=threads, device=device, host=host, root_path=root_path)


def export(bundle: Path, folder: Path, /, runs: list[str] | None = None, threads: Threads = 1) -> None:
    """Write networks of a bundle as ONNX files, each checked against torch.

    Args:
        bundle: folder of the bundle
        folder: to write the files to
        runs: ids of the runs to export (default: all)
        threads: processor threads to use (default 1)
    """
    from stylevote.bundle.contents import open_bundle  # noqa: PLC0415
    from stylevote.bundle.export import export_networks  # noqa: PLC0415
    from stylevote.wording import plural  # noqa: PLC0415

    paths = export_networks(open_bundle(bundle), folder, runs or None, threads)
    logging.info("%s: %s", plural(len(paths), "network"), folder)


def compare(
    results: Path,
    other_results: Path,
    /,
    photoset: str | None = None,
    resamples: int = RESAMPLES,
    beta: float = BETA,
) -> None:
    """Compare two ensembles' decisions for the same photos: each label's F-beta, with intervals.

    Args:
        results: results folder of an ensemble
        other_results: results folder of another ensemble
        photoset: compare the decisions for this photoset, which has labels (default: the nested decisions for the
            training photos)
        resamples: resamples of the bootstrap (default 1000)
        beta: weight of recall against precision in F-beta (default 2)
    """
    from stylevote.estimate.compare import compare_folders  # noqa: PLC0415

    print(compare_folders(results, other_results, photoset, resamples=resamples, beta=beta))


def sets(
    names: list[str] | None = None,
    photos: int = 1000,
    folds: int = 5,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Say what each ready set of runs would cost on this machine.

    Args:
        names: sets to measure (default: quick, standard and large; without a GPU, those for a CPU)
        photos: number of training photos (default 1000)
        folds: number of folds (default 5)
        threads: processor threads to use (default 1)
        device: device to measure (default auto: a GPU if there is one)
    """
    from stylevote.machine.device import open_device  # noqa: PLC0415
    from stylevote.tracking.set_costs import set_costs  # noqa: PLC0415

    opened = open_device(threads, gpus=device != "cpu")
    suffix = "" if opened.type == "cuda" else "_cpu"
    print(set_costs(names or [f"quick{suffix}", f"standard{suffix}", f"large{suffix}"], photos, folds, opened))


def positive(text: str) -> float:
    """Return a number above 0; raise `ArgumentTypeError` if it is none."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0")
    return number


def new(
    photos: Path,
    table: Path,
    /,
    test: Path | None = None,
    output: Annotated[Path, "-o"] = Path("config/mine.yaml"),
    hours: Annotated[float, positive] = 8,
    for_: Literal["auto", "cpu", "gpu", "slurm"] = "auto",
    measure: bool = False,
    threads: Annotated[int | None, thread_count] = None,
) -> None:
    """Read a folder of photos and a table of labels, say what they hold, and write a configuration for them.

    Args:
        photos: folder of the training photos
        table: table of their labels, in nearly any form
        test: folder of photos to decide
        output: configuration to write (default config/mine.yaml); photos with their labels go next to it
        hours: take the largest ready set of runs that is trained in so many hours (default 8)
        for_: where runs are trained (default auto: on a GPU if there is one)
        measure: measure each network for the estimate of hours, which takes minutes
        threads: processor threads to use (default: one per core)
    """
    from stylevote.begin.new import new as write_configuration  # noqa: PLC0415

    write_configuration(
        photos, table, test=test, output=output, hours=hours, kind=for_, measure=measure, threads=threads
    )


COMMANDS = {"new": new, "serve": serve, "export": export, "compare": compare, "sets": sets}


def without_results(command: Callable[[], None]) -> None:
    """Call a command. If the disk is full, the remedy does not name the key `results`: there is no configuration.

    Raises:
        InputError: the command's, or a file cannot be written.
    """
    try:
        command()
    except InputError as error:
        raise InputError(str(error).replace(ROOM, ELSEWHERE)) from error
    except OSError as error:
        if why := unwritable(error):
            raise InputError(f"{error.filename or 'TMPDIR'}: {why.replace(ROOM, ELSEWHERE)}") from error
        raise


def stop(number: int, _: object) -> None:
    """Stop the command, in a way that removes the decoded photos."""
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)  # a second signal would leave them
    for child in multiprocessing.active_children():  # each would first finish its photos
        child.terminate()
    raise KeyboardInterrupt(number)


if __name__ == "__mp_main__":  # a process that decodes photos: its parent ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if __name__ == "__main__":
    for number in STOPPING:
        signal.signal(number, stop)
    words, prog = sys.argv[1:], "python -m stylevote"
    try:
        if words and words[0] in COMMANDS:
            command = parse(COMMANDS[words[0]], words[1:], prog=f"{prog} {words[0]}")
        else:
            command = parse(decide, words, prog=prog, epilog=FURTHER)
        end_with(partial(without_results, command))
    except KeyboardInterrupt as stopped:
        (number,) = stopped.args
        print(f"stopped by {signal.Signals(number).name}", file=sys.stderr)
        sys.exit(128 + number)
