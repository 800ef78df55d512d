"""Put all published tables, with our figures beside them, on one page of Markdown."""

import argparse

from stylevote.program import add_spec, check_number, parser, run
from stylevote.report.experiments import Experiment, experiments_page
from stylevote.report.markup import write_text
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    said = arguments.spec["experiments"]
    check_number("tables", arguments.tables, len(said), "published table")
    experiments = {
        part["name"]: Experiment(part["title"], part["notes"], read_table(path))
        for part, path in zip(said, arguments.tables, strict=True)
    }
    write_text(experiments_page(experiments, f"F{arguments.spec['beta']:g}"), arguments.output)


if __name__ == "__main__":
    options = parser(__doc__, tables="tables of figures, in the order of the experiments...", output="to write: page")
    add_spec(options, '{"beta": 2, "experiments": [{"name": NAME, "title": TEXT, "notes": TEXT}]}')
    run(options, main)
