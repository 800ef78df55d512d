"""Canonical JSON, digests, ids of runs, file names of labels, and seeds of random choices."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Keys that runs' settings got later, and their defaults, at which settings omit them: ids and seeds stay the same.
OMITTED = {
    "batch_norm": True,
    "probe": None,
    "head_from": "random",
    "optimizer": {"adam": {}},
    "dropout": 0,
    "drop_path": 0,
    "label_smoothing": 0,
    "soup": 1,
    "test_size": None,
    "augment": {},
}
OMITTED_OF_PHASES = {"warm_up": 0}  # the same for phases


def canonical(value: Any) -> str:
    """Return ``value`` as JSON text that is the same for equal settings: keys sorted, 1.0 written as 1."""
    return json.dumps(plain_numbers(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def plain_numbers(value: Any) -> Any:
    """Return a copy of ``value`` with whole numbers as integers, and objects of settings as their used settings."""
    if hasattr(value, "used"):
        return value.used()
    if isinstance(value, dict):
        return {key: plain_numbers(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_numbers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def digest(value: Any, length: int = 8) -> str:
    """Return the first ``length`` hexadecimal digits of the sha256 of ``value``'s canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def file_sha256(path: Path | str) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed(*parts: Any) -> int:
    """Return the seed (63 bits) of a random choice from its purpose and the values that it depends on."""
    return int(digest(list(parts), 16), 16) >> 1


def slug(label: str) -> str:
    """Return a file name for a label: the label if that is safe, else its safe letters and a digest."""
    safe = re.sub(r"[^a-z0-9]+", "-", unicodedata.normalize("NFKD", label).lower()).strip("-")
    # NFKD may write one letter as a dozen, and a file name has at most 255 bytes.
    return label if label == safe else f"{safe[:100] or 'label'}-{digest(label, 6)}"


def features_setting(setting: dict) -> dict:
    """Return the part of a probe's setting on which its features depend."""
    of_probe = {key: setting["probe"][key] for key in ("pooling", "layers", "scales")}
    keys = ("backbone", "backbone_args", "weights", "size", "tta")
    return {**{key: setting[key] for key in keys}, "probe": of_probe}


def features_id(setting: dict) -> str:
    """Return the id of a probe's features: its backbone and size, and a digest of all that they depend on."""
    return f"{_kind(setting)}-{digest(features_setting(setting))}"


def score_size(setting: Mapping[str, Any]) -> int:
    """Return the side in pixels at which a run's networks score photos: `test_size`, or `size` without one."""
    return setting.get("test_size") or setting["size"]


def run_id(setting: dict) -> str:
    """Return the id of a run: its backbone, size and recipe, and a digest of the whole setting."""
    return f"{_kind(setting)}-{setting['recipe']}-{digest(setting)}"


def _kind(setting: dict) -> str:
    """Return the beginning of an id: backbone and size."""
    backbone = re.sub(r"[^A-Za-z0-9_.]+", "_", setting["backbone"])
    return f"{backbone}-{setting['size']}"
