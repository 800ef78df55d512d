"""Say in a few lines what was decided and how good it is."""

import argparse

from stylevote.ensemble.decisions import summary_lines
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.tables import read_table, replacing


def main(arguments: argparse.Namespace) -> None:
    """Print the lines and write them."""
    photos = read_table(arguments.votes, ["image_id"])["image_id"].nunique()
    honest, scores = read_table(arguments.honest), read_table(arguments.scores)
    locked = read_table(arguments.locked_scores) if arguments.locked_scores else None
    joining = read_table(arguments.joining, ["gain"])["gain"].iloc[-1] if arguments.joining else None
    lines = summary_lines(honest, scores, photos, joining=joining, locked=locked, beta=arguments.spec["beta"])
    text = "\n".join(lines) + "\n"
    print(text, end="")
    with replacing(arguments.output) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    options = parser(
        __doc__,
        honest="the honest estimate",
        scores="scores of the test photos' decisions (empty where their labels are not known)",
        votes="the votes that were cast",
        output="to write: text",
    )
    options.add_argument(
        "--joining",
        type=optional_path,
        nargs="?",
        help="what joining the folds is expected to add, if it was estimated",
    )
    options.add_argument(
        "--locked-scores", type=optional_path, nargs="?", help="scores of the decisions for locked photos, if any"
    )
    add_spec(options, '{"beta": 2}')
    run(options, main)
