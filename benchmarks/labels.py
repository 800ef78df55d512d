"""Time and jobs by the number of labels: a simulated ensemble from its scores to submission, estimate and report.

    .venv/bin/python benchmarks/labels.py [--labels 13 80 300 1000] [--cores 2] [--members 24]

For each number of labels it plans and runs the default ensemble on simulated members. It prints one line: jobs, the dry
run, the whole run in seconds of the clock and of the processor, those of the simulation's jobs, and the report's size.
"""

import sys
import tempfile
from argparse import Namespace
from pathlib import Path

import pandas as pd
import yaml
from bench import make_parser, run

STYLES = ["sport", "relax", "office", "japanese", "korean", "european", "england", "maiden", "lady", "simple", "nature"]
STYLES += ["street", "nation"]


def main() -> None:
    """Print a row for each number of labels."""
    parser = make_parser(__doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[13, 80, 300, 1000], help="numbers of labels to try")
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time")
    parser.add_argument("--members", type=int, default=24, help="simulated members, of three epochs each")
    parser.add_argument(
        "--photos", type=int, default=3000, help="training photos; there are a third as many test photos"
    )
    arguments = parser.parse_args()
    print("labels  jobs  dry run s  whole run s  processor s  of them simulation s  report MB", flush=True)
    for count in arguments.labels:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(Path(folder), count, arguments), flush=True)


def measure(folder: Path, count: int, arguments: Namespace) -> str:
    """Return the row of a number of labels, computed in an empty folder."""
    labels = STYLES if count == len(STYLES) else [f"label {number:04d}" for number in range(count)]
    config = {
        "results": str(folder / "results"),
        "labels": labels,
        "simulation": {
            "label_sets": "challenge" if labels is STYLES else "zipf",
            "photos": arguments.photos,
            "test": arguments.photos // 3,
            "members": arguments.members,
            "epochs": 3,
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--configfile", str(folder / "config.yaml"), "--nolock"]
    command += ["--cores", str(arguments.cores)]
    plan, whole = run([*command, "--dry-run"]), run(command)
    jobs = next(line.split()[-1] for line in plan.printed.splitlines() if line.split()[:1] == ["total"])
    measured = (folder / "results" / "benchmarks" / "simulate_member").glob("*.tsv")
    simulated = sum(pd.read_csv(path, sep="\t")["cpu_time"].iloc[-1] for path in measured)
    size = (folder / "results" / "report.html").stat().st_size / 1e6
    return (
        f"{count:6}  {jobs:>4}  {plan.seconds:9.1f}  {whole.seconds:11.0f}  {whole.processor:11.0f}"
        f"  {simulated:20.0f}  {size:9.1f}"
    )


if __name__ == "__main__":
    main()
