"""The pins that people install from say the same."""

import re
import sys

import yaml

from places import REPOSITORY

LOCK = (REPOSITORY / "envs" / "requirements.lock").read_text()


def test_conda_environment_has_the_locks_pins():
    dependencies = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())["dependencies"]
    pins = dependencies[-1]["pip"]
    assert len(pins) > 10
    for pin in pins:
        assert re.search(rf"^{re.escape(pin)}( |$)", LOCK, re.MULTILINE), pin


def test_every_requirement_is_locked_with_hashes_and_no_address():
    wanted = re.findall(r"^([a-z][a-z-]*)", (REPOSITORY / "envs" / "requirements.in").read_text(), re.MULTILINE)
    assert "torch" in wanted
    for name in wanted:
        assert re.search(rf"^{name}==.*\\\n +--hash=sha256:", LOCK, re.MULTILINE), name
    assert "://" not in LOCK


def test_the_conda_environment_has_what_the_library_imports():
    dependencies = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())["dependencies"]
    provided = {pin.split("==")[0] for pin in dependencies[-1]["pip"]}
    names = {"PIL": "pillow", "yaml": "pyyaml", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    names |= {"iterstrat": "iterative-stratification", "segmentation_models_pytorch": "segmentation-models-pytorch"}
    imports = re.compile(r"^ *(?:import ([a-zA-Z_0-9]+)|from ([a-zA-Z_0-9]+)[a-zA-Z_0-9.]* import)", re.MULTILINE)
    texts = [path.read_text() for path in (REPOSITORY / "workflow_scripts").rglob("*.py")]
    found = {"".join(pair) for text in texts for pair in imports.findall(text)}
    third_party = {name for name in found if name not in sys.stdlib_module_names and name != "stylevote"}
    assert {names.get(name, name) for name in third_party} <= provided
