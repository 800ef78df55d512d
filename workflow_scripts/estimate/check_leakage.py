"""Gather the alarms, and print those that are raised."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.estimate.leakage import non_nested_alarms, run_alarms
from stylevote.files.tables import read_table, write_table


def main(alarms: list[Path], figures: list[Path], estimate: Path, leaks: Path) -> None:
    """Write all alarms, raised or not, and print those that are raised.

    Args:
        alarms: alarms of the labels, a file per block
        figures: AUCs by run and fold, a file per block of labels
        estimate: the nested estimate
        leaks: to write: all alarms
    """
    of_labels = pd.concat([read_table(path) for path in alarms])
    of_runs = run_alarms(pd.concat([read_table(path) for path in figures]))
    others = pd.DataFrame([*non_nested_alarms(read_table(estimate)), *of_runs])
    table = pd.concat([of_labels, others], ignore_index=True)
    raised = table[table["raised"]]
    for row in raised.itertuples():
        print(f"ALARM {row.alarm}, {row.subject}: {row.value:.4f}, limit {row.limit:.4f} ({row.meaning})")
    print(f"{len(table)} checks, {len(raised)} alarms")
    write_table(table, leaks)


if __name__ == "__main__":
    run(main)
