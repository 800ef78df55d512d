"""The lists of requirements agree."""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import yaml

from places import REPOSITORY

LOCK = (REPOSITORY / "envs" / "requirements.lock").read_text()


def test_conda_environment_has_the_pins_of_the_lock():
    dependencies = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())["dependencies"]
    pins = dependencies[-1]["pip"]
    assert len(pins) > 10
    for pin in pins:
        assert re.search(rf"^{re.escape(pin)}( |$)", LOCK, re.MULTILINE), pin


def test_every_requirement_is_locked_with_hashes_and_no_address():
    names = re.findall(r"^([a-z][a-z0-9-]*)", (REPOSITORY / "envs" / "requirements.in").read_text(), re.MULTILINE)
    assert "torch" in names
    for name in names:
        assert re.search(rf"^{name}==.*\\\n +--hash=sha256:", LOCK, re.MULTILINE), name
    assert "://" not in LOCK


def test_uv_is_pinned_alone_with_hashes_and_no_address():
    pins = (REPOSITORY / "envs" / "uv-requirements.txt").read_text()
    assert re.fullmatch(r"(?:#.*\n)*uv==[0-9.]+( \\\n    --hash=sha256:[0-9a-f]{64}){10,}\n", pins)


def test_the_container_copies_files_of_its_context():
    recipe = (REPOSITORY / "envs" / "Containerfile").read_text()
    copied = re.search(r"^COPY (.*) /envs/$", recipe, re.MULTILINE)[1].split()
    context = re.findall(r"^!(.*)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == context
    for path in copied:
        assert (REPOSITORY / path).is_file()
        assert f"/{path}" in recipe.split("RUN", 1)[1]


# Modules that no rule needs, and the extra that each needs.
OPTIONAL = {
    "bundle/serve.py": "serve",
    "bundle/guard.py": "serve",
    "bundle/export.py": "onnx",
    "photos/heic.py": "heic",
}
LIBRARY = REPOSITORY / "workflow_scripts" / "stylevote"


def third_party(paths: Iterable[Path]) -> set[str]:
    """Return the packages that modules import, by the names of their distributions."""
    names = {"PIL": "pillow", "yaml": "pyyaml", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    names |= {"pydantic_core": "pydantic"}  # pydantic installs its core
    names |= {"pillow_heif": "pillow-heif", "huggingface_hub": "huggingface-hub"}
    names |= {"iterstrat": "iterative-stratification", "segmentation_models_pytorch": "segmentation-models-pytorch"}
    imports = re.compile(r"^ *(?:import ([a-zA-Z_0-9]+)|from ([a-zA-Z_0-9]+)[a-zA-Z_0-9.]* import)", re.MULTILINE)
    imported = {"".join(pair) for path in paths for pair in imports.findall(path.read_text())}
    return {names.get(name, name) for name in imported - sys.stdlib_module_names - {"stylevote"}}


def test_the_conda_environment_has_what_the_library_imports():
    dependencies = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())["dependencies"]
    provided = {pin.split("==")[0] for pin in dependencies[-1]["pip"]}
    optional = {LIBRARY / module for module in OPTIONAL}
    assert all(path.is_file() for path in optional)
    assert third_party(set((REPOSITORY / "workflow_scripts").rglob("*.py")) - optional) <= provided


def test_the_extras_have_what_their_modules_import():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for module, extra in OPTIONAL.items():
        texts = [*project["dependencies"], *project["optional-dependencies"][extra]]
        names = {re.match("[a-z0-9-]+", text)[0] for text in texts}
        # Gradio installs Starlette.
        assert third_party([LIBRARY / module]) <= names | {"starlette"}
