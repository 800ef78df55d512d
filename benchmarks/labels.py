"""Time and jobs by the number of labels: a simulated ensemble from its scores to submission, estimate and report.

    .venv/bin/python benchmarks/labels.py [--labels 13 80 300 1000] [--cores 2] [--members 24]

For each number of labels it plans and runs the default ensemble on simulated members. It prints one line: jobs, the dry
run, the whole run in seconds of the clock and of the processor, those of the simulation's jobs, and the report's size.
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
STYLES = ["sport", "relax", "office", "japanese", "korean", "european", "england", "maiden", "lady", "simple", "nature"]
STYLES += ["street", "nation"]


def main() -> None:
    """Print a row for each number of labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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


def measure(folder: Path, count: int, arguments: argparse.Namespace) -> str:
    """Return the row of one number of labels.

    Args:
        folder: an empty one to work in.
        count: number of labels.
        arguments: the program's.
    """
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
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(ROOT)]
    command += ["--configfile", str(folder / "config.yaml"), "--cores", str(arguments.cores), "--nolock"]
    planned, planning, _ = run([*command, "--dry-run"])
    jobs = next(line.split()[-1] for line in planned.splitlines() if line.split()[:1] == ["total"])
    _, seconds, processor = run(command)
    simulated = sum(map(job_seconds, (folder / "results" / "benchmarks" / "simulate_member").glob("*.tsv")))
    size = (folder / "results" / "report.html").stat().st_size / 1e6
    return f"{count:6}  {jobs:>4}  {planning:9.1f}  {seconds:11.0f}  {processor:11.0f}  {simulated:20.0f}  {size:9.1f}"


def run(command: list[str]) -> tuple[str, float, float]:
    """Run a command; return what it prints, and its seconds of the clock and of the processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout[-3000:])
    return done.stdout, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def job_seconds(path: Path) -> float:
    """Return the processor seconds of the last run of a job, by its benchmark file."""
    with path.open(encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file, delimiter="\t"))[-1]
    return float(row["cpu_time"])


if __name__ == "__main__":
    main()
