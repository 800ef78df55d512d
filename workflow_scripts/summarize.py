"""Say in a few lines what was decided and how good it is."""

import argparse

from stylevote.ensemble.decisions import summary_lines
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, replacing


def main(arguments: argparse.Namespace) -> None:
    """Print the lines and write them."""
    photos = read_table(arguments.votes, ["image_id"])["image_id"].nunique()
    text = (
        "\n".join(
            summary_lines(read_table(arguments.honest), read_table(arguments.scores), photos, arguments.spec["beta"])
        )
        + "\n"
    )
    print(text, end="")
    with replacing(arguments.output) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    options = parser(
        __doc__,
        honest="the honest estimate",
        scores="scores of the test photos' decisions (empty where their labels are not known)",
        votes="the votes that were cast",
        output="text to write",
    )
    add_spec(options, '{"beta": 2}')
    run(options, main)
