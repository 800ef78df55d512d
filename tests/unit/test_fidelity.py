"""The page of fidelity quotes the reports, and what it names exists and has the values that it gives."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from places import REPOSITORY, SHARED

PAGE = (REPOSITORY / "docs" / "fidelity.md").read_text(encoding="utf-8")
HEAD = ["They say", "Here", "How", "Why, or what was measured", "Test"]
LIBRARY = REPOSITORY / "workflow_scripts"
REPORTS = {"The first-place report": "first_place.txt", "The second-place report": "second_place.txt"}


def rows():
    """Yield every row of the tables that have the page's head: the report that it is about, and its cells."""
    report, head = "", []
    for line in PAGE.splitlines():
        report = line.removeprefix("## ") if line.startswith("## ") else report
        cells = [cell.strip() for cell in line[1:-1].split("|")] if line.startswith("|") else []
        if cells and head == HEAD and not line.startswith("|---"):
            yield report, cells
        head = cells if not head or not cells else head


ROWS = list(rows())


def references():
    """Return all references of the page: path, name, and the value that it gives, or None."""
    found = re.findall(r"`([\w./-]+\.(?:py|smk|yaml))::([\w.-]+)(?: = ([^`]+))?`", PAGE)
    return [(path, name, value or None) for path, name, value in found]


def file_of(path: str) -> Path:
    return (LIBRARY if path.startswith("stylevote/") else REPOSITORY) / path


@cache
def names_of_code(path: Path) -> set[str]:
    """Return what a module defines: functions, classes, their members, and constants."""
    defined = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else []
        for prefix, part in [("", node), *((f"{node.name}.", part) for part in inside)]:
            targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
            names = [getattr(part, "name", None), *(getattr(target, "id", None) for target in targets)]
            defined |= {prefix + name for name in names if name}
    return defined


def value_at(path: str, name: str):
    """Return the value of a configuration's key, the default of a setting, or a constant of the library."""
    if path.endswith(".yaml"):
        value = yaml.safe_load(file_of(path).read_text(encoding="utf-8"))
        for key in name.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value
    value = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    for key in name.split("."):
        fields = getattr(value, "model_fields", {})
        value = fields[key].default if key in fields else getattr(value, key)
    return value


def test_every_row_is_whole_and_is_tested_where_it_says_that_we_do_the_same():
    assert len(ROWS) > 70
    for _, cells in ROWS:
        assert len(cells) == len(HEAD), cells
        says, here, how, why, test = cells
        assert says and here, cells
        assert how in {"same", "different", "left out"}, cells
        assert why or how == "same", f"no reason: {cells}"
        assert re.search(r"`tests/[\w/.]+\.py(::test_\w+)?`", test) or how == "left out", f"no test: {cells}"


def test_what_the_page_names_exists():
    assert len(references()) > 150
    for path, name, _ in references():
        if path.endswith(".py"):
            assert name in names_of_code(file_of(path)), f"{path}::{name}"
        elif path.endswith(".smk"):
            assert re.search(rf"^rule {name}:", file_of(path).read_text(), flags=re.MULTILINE), f"{path}::{name}"
        else:
            value_at(path, name)


def test_values_of_the_page_are_those_of_the_configurations():
    checked = [(path, name, value) for path, name, value in references() if value]
    assert len(checked) > 35
    for path, name, value in checked:
        assert value_at(path, name) == yaml.safe_load(value), f"{path}::{name}"


def plain(text: str) -> str:
    return " ".join(re.sub(r"[\\$*]", "", text).split())


@pytest.mark.parametrize("report", REPORTS)
def test_quotations_are_in_the_reports(report):
    path = SHARED / "papers" / REPORTS[report]
    if not path.is_file():
        pytest.skip("needs the reports in ../shared/papers")
    text = plain(path.read_text(encoding="utf-8"))
    quotations = [quoted for of, (says, *_) in ROWS if of == report for quoted in re.findall(r'"([^"]+)"', says)]
    assert len(quotations) > 15
    assert [quoted for quoted in quotations if plain(quoted) not in text] == []


@pytest.mark.parametrize(("report", "sections"), [(0, ["I", *"ABCDEF", "III"]), (1, ["I", *"ABCDE"])])
def test_every_section_of_the_reports_is_there(report, sections):
    part = PAGE.split(f"## {[*REPORTS][report]}\n")[1].split("\n## ")[0]
    titles = re.findall(r"^### (?:II\.|Abstract and )?(\w+)\.? ", part, flags=re.MULTILINE)
    assert titles == sections
