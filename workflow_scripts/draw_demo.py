"""Draw the demo's photos of people in clothes, with their label tables and pixel masks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stylevote.photos.demo import write_demo


def main(arguments: list[str] | None = None) -> None:
    """Write the photos that a specification asks for.

    Raises:
        SystemExit: If the specification is no JSON object of the known names, or asks for the impossible.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON object, for example {"train": 600, "test": 200, "least": 6, "seed": 2018}: numbers of photos, '
        "least number of training positives a label, seed",
    )
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    options = parser.parse_args(arguments)
    try:
        write_demo(options.output, **json.loads(options.spec))
    except (TypeError, ValueError) as error:
        parser.error(f"--spec: {error}")


if __name__ == "__main__":
    main()
