"""Say whether anything that is judged seems to have seen the answers."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.estimate.leakage import non_nested_alarms, run_alarms
from stylevote.files.tables import read_table, write_table


def main(alarms: list[Path], figures: list[Path], estimate: Path, leaks: Path) -> None:
    """Write all alarms, raised or not, and print those that are raised.

    Args:
        alarms: of the labels, a file per block
        figures: AUCs by run and fold, a file per block of labels
        estimate: the estimate estimate
        leaks: to write: all alarms
    """
    of_labels = pd.concat([read_table(path) for path in alarms])
    by_fold = pd.concat([read_table(path) for path in figures])
    further = [*non_nested_alarms(read_table(estimate)), *run_alarms(by_fold)]
    table = pd.concat([of_labels, pd.DataFrame(further)], ignore_index=True)
    raised = table[table["raised"]]
    for alarm in raised.itertuples():
        print(f"ALARM {alarm.alarm}, {alarm.of}: {alarm.found:.4f}, limit {alarm.limit:.4f} ({alarm.meaning})")
    print(f"{len(table)} checks, {len(raised)} alarms")
    write_table(table, leaks)


if __name__ == "__main__":
    run(main)
