"""Decide photos with a bundle, without the workflow: ``python -m stylevote BUNDLE PHOTOS -o decisions.csv``.

What is imported is imported late: processes that decode photos begin by reading this file.
"""

import argparse
import logging
import sys
from pathlib import Path

from stylevote.program import InputError, add_threads, run

EPILOG = """further commands: none"""


def decide(arguments: argparse.Namespace) -> None:
    """Write the decisions, a row a photo, and what led to them if asked for."""
    from stylevote.bundle import open_bundle  # noqa: PLC0415
    from stylevote.deciding import decide as decide_by  # noqa: PLC0415
    from stylevote.ensemble.decisions import write_decisions, write_details  # noqa: PLC0415

    for path in (arguments.output, arguments.details):
        if path and not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent} to write it to")
    bundle = open_bundle(arguments.bundle)
    on_bad_photo = "skip" if arguments.skip_bad_photos else "fail"
    table = decide_by(bundle, arguments.photos, on_bad_photo=on_bad_photo, threads=arguments.threads, progress=True)
    labels = bundle.labels
    decisions = table["decision"].to_numpy().reshape(-1, len(labels))
    write_decisions(decisions, table["image_id"].to_numpy()[:: len(labels)], labels, arguments.output)
    if arguments.details:
        write_details(table, arguments.details)
    logging.info("%d photos decided, %d labels each: %s", len(decisions), len(labels), arguments.output)


def options() -> argparse.ArgumentParser:
    """Return what the command line may hold."""
    found = argparse.ArgumentParser(prog="python -m stylevote", description=__doc__.split(":")[0] + ".")
    found.add_argument("bundle", type=Path, help="folder of the bundle: results/bundle of a workflow")
    found.add_argument("photos", type=Path, help="folder of photos, those in folders below it included")
    found.add_argument("-o", "--output", type=Path, required=True, help="CSV to write: 0 or 1 for each photo and label")
    found.add_argument(
        "--details", type=Path, help="CSV to write, too: score, threshold, agreement of the folds for each decision"
    )
    found.add_argument("--skip-bad-photos", action="store_true", help="leave out photos that cannot be read")
    add_threads(found)
    return found


if __name__ == "__main__":
    sys.exit(run(options(), decide))
