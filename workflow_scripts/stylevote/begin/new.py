"""The command `new`: from a folder of photos and a table to a configuration."""

import logging
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Literal

import numpy as np

from stylevote.begin.choice import UNLEARNABLE, Choice, choose
from stylevote.begin.configuration import make_settings, refuse_fixed_form, render
from stylevote.begin.machine import Machine, describe, network_times, this_machine
from stylevote.begin.preview import contact_sheet, first_rows
from stylevote.begin.survey import Survey, check_kinds, count_photos, survey, unreadable_photos
from stylevote.begin.words import shown
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN
from stylevote.photos.folders import list_folder
from stylevote.photos.formats import is_photo
from stylevote.tracking.set_costs import Seconds
from stylevote.wording import plural, quote

NAMED = 3  # files that a line names
LISTED = 40  # labels that are listed
Kind = Literal["auto", "cpu", "gpu", "slurm"]


def new(
    photos: Path,
    table: Path,
    *,
    test: Path | None,
    output: Path,
    hours: float,
    kind: Kind,
    measure: bool,
    threads: int | None,
) -> None:
    """Print what a folder and a table hold, and write a configuration and a contact sheet.

    Args:
        photos, table: of the training photos.
        test: folder of photos to decide.
        output: configuration to write.
        hours: wanted hours of training.
        kind: device of the runs; auto: a GPU if there is one.
        measure: measure all networks.
        threads: processor threads to use; None: one per core.

    Raises:
        InputError: photos, table or options cannot be used, or a file is there already.
    """
    sheet = output.with_name(f"{output.stem}_photos.png")
    check_output(output, sheet)
    check_kinds(photos, table)
    if test:
        check_test(test, photos)
    machine = this_machine()
    cores = threads or machine.cores
    logging.info("reading %s and %s", shown(str(table)), shown(str(photos)))
    found = survey(photos, table, cores)
    print("\n".join(describe_survey(found)), flush=True)
    if test:
        print(*describe_test(test, cores), sep="\n")
    print(f"Machine: {describe(machine)}", flush=True)
    wanted = "gpu" if kind in ("gpu", "slurm") or (kind == "auto" and machine.gpus) else "cpu"
    logging.info("estimating hours")
    seconds, basis = network_times(machine._replace(cores=cores), wanted, measure)
    text, choice, command = write(
        found, seconds, basis, test=test, output=output, hours=hours, kind=kind, wanted=wanted, machine=machine
    )
    picture = contact_sheet(found)
    create(output, text.encode())
    create(sheet, picture)
    width = shutil.get_terminal_size((100, 24)).columns
    print(
        "", "The first rows, as they are understood:", *(f"  {row}" for row in first_rows(found, width - 2)), sep="\n"
    )
    lines = named(f"Labels {UNLEARNABLE}, and left out", [quote(found.labels[k]) for k in choice.left_out])
    print("", *lines, *set_lines(choice, hours), basis, "", sep="\n")
    print(f"{output}: the configuration. {sheet}: photos with their labels. Are they right? Then:\n\n    {command}")


def write(
    found: Survey,
    seconds: Seconds,
    basis: str,
    *,
    test: Path | None,
    output: Path,
    hours: float,
    kind: Kind,
    wanted: str,
    machine: Machine,
) -> tuple[str, Choice, str]:
    """Return the text of a configuration, the choice of settings and the command that uses it.

    Raises:
        InputError: the photos have too few labels, or the workflow would refuse the configuration.
    """
    devices = max(1, len(machine.gpus)) if wanted == "gpu" else 1
    choice = choose(found, seconds, hours=hours, kind=wanted, devices=devices)
    command = snakemake_command(output, kind, machine)
    config = make_settings(found, choice, test, output)
    refuse_fixed_form(found, config, choice.left_out)
    text = render(config, found, choice, basis=basis, sets=set_lines(choice, hours), command=command)
    return text, choice, command


def check_output(*paths: Path) -> None:
    """Raise `InputError` if a file is there already, or cannot be written."""
    for path in paths:
        if os.path.lexists(path):
            raise InputError(f"{path}: is there already, and is not overwritten; name another file with -o")
    if paths[0].suffix not in (".yaml", ".yml"):
        raise InputError(f"-o: found {quote(str(paths[0]))}, expected a name that ends in .yaml")


def create(path: Path, data: bytes) -> None:
    """Write a file that is not there; raise `InputError` if it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise InputError(f"{path}: is there already, and is not overwritten; name another file with -o") from None


def describe_survey(found: Survey) -> list[str]:
    """Return lines about photos, table and labels."""
    lines = [f"{shown(str(found.folder))}: {plural(len(found.entries), 'photo')} of {shown(str(found.table))}"]
    lines += [f"  {shown(line, 200)}" for line in found.findings]
    some = "" if found.opened == len(found.entries) + len(found.bad) else f" of {found.opened:,} that were opened"
    if len(found.sides):
        low, middle, high = np.percentile(found.sides, [0, 50, 100]).astype(int)
        lines.append(f"  shorter sides: {low} to {high} pixels, median {middle}{some}")
    lines.append(f"  near-duplicates: {plural(found.near, 'group')}{some}")
    if found.download:
        lines.append(f"  to download: {plural(len(found.missing), 'photo')} that the folder lacks")
    else:
        lines += named("  no photo in the folder", found.missing)
    lines += named("  cannot be read", found.bad)
    lines += named("  not photos by their names, and left out", [quote(path) for path in found.others])
    if found.unused:
        lines.append(f"  not in the table, and left out: {plural(found.unused, 'photo')}")
    return [*lines, *label_lines(found)]


def named(what: str, texts: list[str]) -> list[str]:
    """Return a line with the number and the first of some files, if there are any."""
    if not texts:
        return []
    more = ", ..." if len(texts) > NAMED else ""
    return [f"{what}: {len(texts):,} ({', '.join(shown(text, 120) for text in texts[:NAMED])}{more})"]


def label_lines(found: Survey) -> list[str]:
    """Return a line per label with its photos, the commonest first."""
    order = np.argsort(-found.positives, kind="stable").tolist()
    unknown = (found.values == UNKNOWN).sum(axis=0)
    width = max(len(shown(found.labels[k], 40)) for k in order)
    photos = max(1, len(found.entries))
    lines = []
    for k in order:
        more = f", {unknown[k]:,} unknown" if unknown[k] else ""
        share = f"{100 * found.positives[k] / photos:.1f} %"
        lines.append(f"  {shown(found.labels[k], 40):{width}} {found.positives[k]:9,} {share:>8}{more}")
    if len(lines) > LISTED:
        half = LISTED // 2
        lines[half:-half] = [f"  ... {len(lines) - LISTED} others ..."]
    return [f"Labels: {len(order)}", *lines]


def check_test(test: Path, photos: Path) -> None:
    """Raise `InputError` if a folder of photos to decide has none, or is that of the training photos."""
    if not count_photos(list_folder(test)):
        raise InputError(f"{test}: found no photos, expected a folder of photos to decide")
    if test.resolve() == photos.resolve():
        raise InputError(f"--test: {test} is the folder of the training photos, expected photos to decide")


def describe_test(test: Path, threads: int) -> list[str]:
    """Return lines about a folder of photos to decide."""
    folder = list_folder(test)
    others = [quote(path) for path in folder.files if not is_photo(path)]
    return [
        f"{shown(str(test))}: {plural(count_photos(folder), 'photo')} to decide",
        *named("  cannot be read", unreadable_photos(folder, threads)),
        *named("  not photos by their names, and left out", others),
    ]


def set_lines(choice: Choice, hours: float) -> list[str]:
    """Return a line per ready set with its hours."""
    lines = []
    for name, (time, cost) in choice.costs.items():
        mark = f" (chosen: the largest within {hours:g} hours)" if name == choice.chosen else ""
        if mark and time > hours:
            mark = f" (chosen: the smallest; no set is done in {hours:g} hours)"
        lines.append(f"{name}: {plural(cost.runs, 'run')}, {time_text(time)}{mark}")
    return lines


def time_text(hours: float) -> str:
    """Return hours in words."""
    if hours < 1.5:
        return f"{max(1, round(60 * hours))} min"
    return f"{hours:.2g} hours" if hours < 72 else f"{hours / 24:.2g} days"


def snakemake_command(output: Path, kind: Kind, machine: Machine) -> str:
    """Return the command that runs the workflow with a configuration from the present folder."""
    clone, program = Path(__file__).parents[3], Path(sys.executable).with_name("snakemake")
    words = [os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)]
    if not Path("Snakefile").exists():
        words += ["-s", str(clone / "Snakefile")]
    if kind == "slurm":
        words += ["--profile", "profiles/slurm"]
    elif len(machine.gpus) > 1 and kind != "cpu":
        words += ["--profile", "profiles/gpu", "--cores", str(machine.cores), "--resources", f"gpu={len(machine.gpus)}"]
    else:
        words += ["--cores", str(machine.cores)]
    return shlex.join([*words, "--configfile", str(output)])
