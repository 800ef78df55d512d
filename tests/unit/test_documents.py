"""The documents name only files, results, keys, rules and commands that exist."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from places import REPOSITORY

PATHS = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
PAGES = {path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}
CODE = {name: re.findall(r"`([^`\n]+)`", text) for name, text in PAGES.items() if name != "CHANGELOG.md"}
FOLDERS = "config|docs|benchmarks|profiles|workflow_scripts|tests|envs|rules"
RESULTS = r"(?:results|results_mine|results_experiments)/"
# Files that programs write next to their outputs.
UNDECLARED = {"photos/{photoset}/failed_downloads.parquet", "logs/"}
FOREIGN = {"gpu_model", "slurm_extra"}  # settings of the Slurm plugin


def headings(text):
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def words_of_code():
    """Return every word of the code and of the configurations."""
    folders = ["rules", "workflow_scripts", "config", "profiles", "tests", "benchmarks", "envs"]
    paths = [path for folder in folders for path in (REPOSITORY / folder).rglob("*")]
    paths += [REPOSITORY / name for name in ("Snakefile", "Makefile", "config.yaml", "pyproject.toml", ".gitignore")]
    texts = [
        path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in {".py", ".smk", ".yaml", ".toml", ".in", ".html", ""}
        and path.is_file()
        and path.name != Path(__file__).name
    ]
    return set(re.findall(r"\w+", "\n".join(texts)))


@cache
def keys():
    """Return the full names of all keys on the page of the configuration."""
    names = set()
    for section in re.split(r"^## ", PAGES["docs/configuration.md"], flags=re.MULTILINE)[1:]:
        top = section.split("\n", 1)[0]
        names |= {top, *(f"{top}.{key}" for key in re.findall(r"^\| `([\w.]+)` \|", section, flags=re.MULTILINE))}
    return names


def leaves(value, name=""):
    """Yield the full names of the keys of a mapping."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield f"{name}{key}"
        yield from leaves(inner, f"{name}{key}.")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_page_and_to_a_heading_of_it(page):
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", PAGES[page]):
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert target.exists(), path
        if anchor:
            assert anchor in headings(target.read_text(encoding="utf-8")), anchor


def test_targets_of_make_and_files_are_there():
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE)
    text = "\n".join(PAGES.values())
    assert set(re.findall(r"\bmake ([a-z-]+)(?:`|  )", text)) <= set(targets)
    paths = re.findall(rf"`((?:{FOLDERS})/[\w./*-]+)", "\n".join(PAGES[name] for name in CODE))
    paths += [f"workflow_scripts/{path}" for path in re.findall(r"`(stylevote/[\w./-]+)", text)]
    paths += re.findall(r"--(?:configfile|profile) ([\w./]+)", text)
    paths = [path for path in paths if not re.search(r"/[A-Z]\w*\b(?!file)", path)]
    assert len(paths) > 50
    assert {path for path in paths if not list(REPOSITORY.glob(path))} == {"config/mine.yaml", "config/mine_photos.png"}


def leads_to(pattern, path):
    """Return whether a path is one of the pattern, a folder on the way to it, or in a folder that it stands for."""
    parts = path.replace("*", "x").rstrip("/").split("/")
    patterns = [re.sub(r"\\{\w+\\}", ".+", re.escape(part)) for part in pattern.rstrip("/").split("/")]
    if len(parts) > len(patterns) and not pattern.endswith("/"):
        return False
    return all(re.fullmatch(known, part) for part, known in zip(parts, patterns, strict=False))


def test_results_are_made_by_rules():
    made = set(re.findall(r"`([\w./{}-]+)`", PAGES["docs/artefacts.md"])) | UNDECLARED
    made |= {path.replace("{decisions}", "student/predictions") for path in made}
    codes = {code for name in CODE for code in CODE[name]}
    named = {path for code in codes for path in re.findall(RESULTS + r"([\w./*{}-]+)", code)}
    assert len(named) > 30
    assert [path for path in named if not any(leads_to(pattern, path) for pattern in made)] == []


def test_keys_are_keys_of_the_configuration():
    tops = {name for name in keys() if "." not in name}
    named = set()
    for code in (code for codes in CODE.values() for code in codes):
        if code.split(".")[0] in tops and re.fullmatch(r"[a-z_]+(?:\.(?!py$|csv$|html$)[a-z_]+)+", code):
            named.add(code)
        elif code.split(":")[0] in tops and re.fullmatch(r"[a-z_]+: \S.*", code):
            named |= set(leaves(yaml.safe_load(code)))
    # A student has the keys of a run; `...` stands for any value.
    named = {re.sub(r"^distillation\.", "runs.", name) for name in named if not name.endswith("...")}
    assert len(named) > 30
    assert sorted(named - keys()) == []


def test_names_occur_in_the_code():
    named = {code for codes in CODE.values() for code in codes if re.fullmatch(r"[a-z]\w*_\w+", code)}
    assert len(named) > 60
    assert named - words_of_code() <= FOREIGN


@pytest.mark.parametrize(("what", "path"), [("page", "docs/artefacts.md"), ("picture", "docs/rulegraph.svg")])
def test_what_is_made_of_the_rules_is_up_to_date(what, path):
    command = [sys.executable, REPOSITORY / "docs" / "artefacts.py", what]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert (REPOSITORY / path).read_text(encoding="utf-8") == made, "run `make docs`"
