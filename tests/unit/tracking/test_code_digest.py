"""The code digest changes with the code that runs, and with nothing else."""

import os
import subprocess
import sys

import pytest

from places import REPOSITORY
from stylevote.tracking.code_digest import _parse, code_digest

PROGRAM = """'Does.'
from stylevote.cnn import losses
from stylevote.config.runs import Phase
from stylevote.config.identity import seed
from stylevote.wording import plural
from stylevote.machine.gpus import lease
from stylevote.files.tables import read

print(losses.f(read()))
"""


@pytest.fixture
def tree(tmp_path):
    _parse.cache_clear()
    for name, text in {
        "train.py": PROGRAM,
        "stylevote/__init__.py": "",
        "stylevote/files/tables.py": "import json\n\ndef read():\n    'Reads.'\n    return 1\n",
        "stylevote/machine/gpus.py": "import stylevote.files.tables\n\ndef lease():\n    return 1\n",
        "stylevote/config/runs.py": "class Phase:\n    'A phase.'\n    epochs = 1\n",
        "stylevote/config/identity.py": "def seed():\n    return 1\n",
        "stylevote/wording.py": "def plural():\n    return 's'\n",
        "stylevote/cnn/__init__.py": "",
        "stylevote/cnn/losses.py": "def f(x):\n    from stylevote.cnn import deep\n    return deep.g(x)\n",
        "stylevote/cnn/deep.py": "def g(x):\n    return x * 2\n",
        "stylevote/cnn/unused.py": "y = 1\n",
        "stylevote/report/render.py": "z = 1\n",
        "stylevote/report/templates/page.html": "<p>Hello</p>\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def digest_after(tree, name, old, new):
    path = tree / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    _parse.cache_clear()
    return code_digest(tree / "train.py")


@pytest.mark.parametrize(
    ("name", "old", "new", "counts"),
    [
        ("stylevote/files/tables.py", "return 1", "return 1  # one", False),
        ("stylevote/files/tables.py", "'Reads.'", '"""Reads a number."""', False),
        ("stylevote/files/tables.py", "    'Reads.'\n", "", False),
        ("stylevote/cnn/deep.py", "x * 2", "(x\n        * 2)", False),
        ("stylevote/cnn/unused.py", "1", "2", False),
        ("stylevote/machine/gpus.py", "return 1", "return 2", False),
        ("stylevote/config/runs.py", "epochs = 1", "epochs = 2", False),  # its value is a param of the rule
        ("stylevote/wording.py", "'s'", "'es'", False),  # of messages
        ("train.py", "'Does.'\n", "", False),
        ("stylevote/files/tables.py", "return 1", "return 2", True),
        ("stylevote/config/identity.py", "return 1", "return 2", True),
        ("stylevote/cnn/deep.py", "x * 2", "x * 3", True),  # reached through an import inside a function
        ("stylevote/cnn/losses.py", "deep.g(x)", "deep.g(x) + 1", True),
        ("train.py", "print(", "str(", True),
    ],
)
def test_code_that_runs_counts_and_no_other(tree, name, old, new, counts):
    before = code_digest(tree / "train.py")
    assert (digest_after(tree, name, old, new) != before) == counts


def test_a_module_chosen_by_its_name_counts_if_it_is_chosen(tree):
    unused = tree / "stylevote" / "cnn" / "unused.py"
    without, chosen = code_digest(tree / "train.py"), code_digest(tree / "train.py", unused)
    assert digest_after(tree, "stylevote/cnn/unused.py", "1", "2") == without
    assert code_digest(tree / "train.py", unused) != chosen


def test_the_templates_of_a_page_count_if_it_is_rendered(tree):
    before = code_digest(tree / "train.py")
    assert digest_after(tree, "stylevote/report/templates/page.html", "Hello", "Good morning") == before
    rendered = digest_after(tree, "train.py", "'Does.'", "'Does.'\nimport stylevote.report.render")
    assert digest_after(tree, "stylevote/report/templates/page.html", "morning", "evening") != rendered


def test_the_place_of_a_checkout_does_not_count(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("clone")
    tree.rename(other / "moved")
    before = code_digest(other / "moved" / "train.py")
    (other / "moved").rename(other / "elsewhere")
    assert code_digest(other / "elsewhere" / "train.py") == before


REMEMBER = """
import sys
from pathlib import Path
from stylevote.tracking import code_digest
code_digest.remember_modules(Path(sys.argv[1]))
parse, parsed = code_digest.ast.parse, []
code_digest.ast.parse = lambda text: parsed.append(text) or parse(text)
print(code_digest.code_digest(Path(sys.argv[2])), len(parsed))
"""


def remembered(folder, tree):
    command = [sys.executable, "-c", REMEMBER, folder / "modules.json", tree / "train.py"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_modules_are_parsed_once_and_known_by_their_text(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("remembered")
    digest, parsed = remembered(folder, tree)
    assert (digest, parsed) == (code_digest(tree / "train.py"), "5")
    assert remembered(folder, tree) == [digest, "0"]
    before = (tree / "stylevote/files/tables.py").stat()
    changed = digest_after(tree, "stylevote/files/tables.py", "return 1", "return 2")
    os.utime(tree / "stylevote/files/tables.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered(folder, tree) == [changed, "1"]
    assert changed != digest
    path = folder / "modules.json"
    path.write_text(path.read_text().replace("a", "b", 5))
    assert remembered(folder, tree) == [changed, "5"]
    assert remembered(folder, tree) == [changed, "0"]
