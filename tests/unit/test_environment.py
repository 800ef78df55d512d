"""The pins that people install from say the same."""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import yaml

from places import REPOSITORY

LOCK = (REPOSITORY / "envs" / "requirements.lock").read_text()


def test_conda_environment_has_the_locks_pins():
    dependencies = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())["dependencies"]
    pins = dependencies[-1]["pip"]
    assert len(pins) > 10
    for pin in pins:
        assert re.search(rf"^{re.escape(pin)}( |$)", LOCK, re.MULTILINE), pin


def test_every_requirement_is_holdout_with_hashes_and_no_address():
    wanted = re.findall(r"^([a-z][a-z0-9-]*)", (REPOSITORY / "envs" / "requirements.in").read_text(), re.MULTILINE)
    assert "torch" in wanted
    for name in wanted:
        assert re.search(rf"^{name}==.*\\\n +--hash=sha256:", LOCK, re.MULTILINE), name
    assert "://" not in LOCK


def test_uv_is_pinned_alone_with_hashes_and_no_address():
    pins = (REPOSITORY / "envs" / "uv-requirements.txt").read_text()
    assert re.fullmatch(r"(?:#.*\n)*uv==[0-9.]+( \\\n    --hash=sha256:[0-9a-f]{64}){10,}\n", pins)


def test_the_container_is_made_of_files_that_its_context_holds():
    recipe = (REPOSITORY / "envs" / "Containerfile").read_text()
    copied = re.search(r"^COPY (.*) /envs/$", recipe, re.MULTILINE)[1].split()
    let_in = re.findall(r"^!(.*)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == let_in
    for path in copied:
        assert (REPOSITORY / path).is_file()
        assert f"/{path}" in recipe.split("RUN", 1)[1]


OPTIONAL = {"serve.py": "serve", "export.py": "onnx"}  # modules that no rule uses, and the extra that each needs


def third_party(paths: Iterable[Path]) -> set[str]:
    """Return the packages that modules import, by the names that they are installed by."""
    names = {"PIL": "pillow", "yaml": "pyyaml", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    names |= {"iterstrat": "iterative-stratification", "segmentation_models_pytorch": "segmentation-models-pytorch"}
    imports = re.compile(r"^ *(?:import ([a-zA-Z_0-9]+)|from ([a-zA-Z_0-9]+)[a-zA-Z_0-9.]* import)", re.MULTILINE)
    found = {"".join(pair) for path in paths for pair in imports.findall(path.read_text())}
    return {names.get(name, name) for name in found - sys.stdlib_module_names - {"stylevote"}}


def test_the_conda_environment_has_what_the_library_imports():
    dependencies = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())["dependencies"]
    provided = {pin.split("==")[0] for pin in dependencies[-1]["pip"]}
    modules = [path for path in (REPOSITORY / "workflow_scripts").rglob("*.py") if path.name not in OPTIONAL]
    assert third_party(modules) <= provided


def test_the_extras_have_what_their_modules_import():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for module, extra in OPTIONAL.items():
        named = {
            re.match("[a-z0-9-]+", text)[0]
            for text in [*project["dependencies"], *project["optional-dependencies"][extra]]
        }
        # Gradio is made with Starlette, and brings it.
        assert third_party([REPOSITORY / "workflow_scripts" / "stylevote" / "bundle" / module]) <= named | {"starlette"}
