"""Say whether anything that is judged seems to have seen the answers."""

import argparse

import pandas as pd

from stylevote.ensemble.alarms import naive_alarms, run_alarms
from stylevote.program import parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write all alarms, raised or not, and print those that are raised."""
    alarms = pd.concat([read_table(path) for path in arguments.alarms])
    figures = pd.concat([read_table(path) for path in arguments.figures])
    further = [*naive_alarms(read_table(arguments.honest)), *run_alarms(figures)]
    alarms = pd.concat([alarms, pd.DataFrame(further)], ignore_index=True)
    raised = alarms[alarms["raised"]]
    for alarm in raised.itertuples():
        print(f"ALARM {alarm.alarm}, {alarm.of}: {alarm.found:.4f}, limit {alarm.limit:.4f} ({alarm.meaning})")
    print(f"{len(alarms)} checks, {len(raised)} alarms")
    write_table(alarms, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        alarms="alarms of the labels: one table per label...",
        figures="AUCs by run and fold: one table per label...",
        honest="the honest estimate",
        output="to write: all alarms",
    )
    run(options, main)
