"""Measure time and memory of Snakemake's dry run for the challenge's runs.

`config/jd2018.yaml`, and the same with ten times the draws, are planned with nothing computed and with everything
computed. In the second case empty files replace the results, and `--touch` records them, which takes many minutes.
Photos are as many empty files as the challenge has. Python may keep its bytecode, and the first reading is not
measured. A Snakefile of one empty rule shows Snakemake's own share. Processor seconds are printed too, since other
programs may slow down the clock's.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from bench import ROOT, Cost, make_parser, run

PARTS = ["Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "envs"]
PHOTOS = {"train": 54_908, "test": 10_000}
LABELS = 13
TARGET = "target for jd2018 in both cases: under 4 s and 250 MB"


def prepare(folder: Path) -> None:
    """Put a copy of the workflow, and empty photos with a label table, into ``folder``."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copy(ROOT / part, folder / part)
    for photoset, count in PHOTOS.items():
        photos = folder / "jd2018" / photoset
        photos.mkdir(parents=True)
        for number in range(count):
            (photos / f"{number}.jpg").touch()
    labels = ",".join("0" * LABELS)
    rows = (f"{number}.jpg,http://somewhere/{number}.jpg,{labels}\n" for number in range(PHOTOS["train"]))
    (folder / "jd2018" / "train.csv").write_text("".join(rows))


def write_config(folder: Path, times: int) -> str:
    """Write the configuration with ``times`` as many draws; return its file's name."""
    config = yaml.safe_load((ROOT / "config" / "jd2018.yaml").read_text())
    config["results"] = f"results_{times}"
    for entry in config["runs"]:
        entry["draws"] *= times
    name = f"runs_{times}.yaml"
    (folder / name).write_text(yaml.safe_dump(config))
    return name


def snakemake(folder: Path, *arguments: str) -> Cost:
    """Run Snakemake, which may keep bytecode."""
    return run([sys.executable, "-m", "snakemake", *arguments], folder, PYTHONDONTWRITEBYTECODE="")


def replace_results(folder: Path, config: str) -> None:
    """Make an empty file or folder for every result, and let Snakemake record them."""
    summary = snakemake(folder, "--configfile", config, "--summary").printed
    rows = [line.split("\t") for line in summary.splitlines()]
    head = next(number for number, row in enumerate(rows) if row[0] == "output_file")
    paths = [folder / row[0] for row in rows[head + 1 :] if len(row) == len(rows[head])]
    for path in paths:
        if path.name == "weights":
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    snakemake(folder, "--configfile", config, "--cores", "1", "--touch", "--forceall")


def measure(name: str, planned: str, folder: Path, repeats: int, *arguments: str) -> None:
    """Print a row of the table: medians of dry runs."""
    runs = [snakemake(folder, "--dry-run", *arguments) for _ in range(repeats)]
    assert all(("Nothing to be done" in one.printed) == (planned == "nothing") for one in runs)
    seconds, processor, megabytes = np.median([one[1:] for one in runs], axis=0)
    print(f"{name:12} {planned:12} {seconds:8.1f} {processor:10.1f} {megabytes:8.0f}", flush=True)


def main(repeats: int, largest: int) -> None:
    """Print the table."""
    print(f"{'runs':12} {'to be done':12} {'seconds':>8} {'processor':>10} {'MB':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "stylevote"
        folder.mkdir()
        (Path(name) / "Snakefile").write_text("rule all:\n")
        measure("one rule", "everything", Path(name), repeats)
        prepare(folder)
        for times in (1, largest):
            config = write_config(folder, times)
            snakemake(folder, "--configfile", config, "--dry-run")
            runs = "jd2018" if times == 1 else f"{times} x jd2018"
            measure(runs, "everything", folder, repeats, "--configfile", config)
            replace_results(folder, config)
            measure(runs, "nothing", folder, repeats, "--configfile", config)
    print(TARGET)


if __name__ == "__main__":
    options = make_parser(__doc__)
    options.add_argument("--repeats", type=int, default=3, help="dry runs, of which the median is printed (default 3)")
    options.add_argument(
        "--largest", type=int, default=10, help="factor of the larger configuration's draws (default 10)"
    )
    arguments = options.parse_args()
    main(arguments.repeats, arguments.largest)
