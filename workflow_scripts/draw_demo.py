"""Draw the demo's photos of people in clothes, with their labels and true masks."""

import argparse

from stylevote.errors import InputError
from stylevote.photos.demo import write_demo
from stylevote.program import add_spec, add_threads, parser, run


def main(arguments: argparse.Namespace) -> None:
    """Write both splits."""
    try:
        write_demo(arguments.output, **arguments.spec, processes=arguments.threads)
    except ValueError as error:
        raise InputError(f"demo: {error}") from error


if __name__ == "__main__":
    options = parser(__doc__, output="to write: folder")
    add_spec(
        options,
        '{"train": photos, "test": photos, "least": least training positives a label, "side": shorter side in pixels, '
        '"seed": number}',
    )
    add_threads(options)
    run(options, main)
