"""Bundles that somebody brings: every file damaged, and descriptions that say anything, with digests that fit."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # it makes a folder when it is imported: no case is to be blamed for it
from hypothesis import strategies as st

from fuzz.mutations import mutated
from stylevote.bundle.contents import CONTENT, open_bundle
from stylevote.bundle.decide import load_network
from stylevote.config.identity import file_sha256
from stylevote.files.tables import read_json, write_json, write_sealed
from unit.bundles import make_bundle

Case = tuple[str, bytes]  # a file of the bundle, and what it holds then

# Of timm's models: `backbone_args` may hold any of them.
ARGUMENTS = ["a", "size", "num_classes", "img_size", "features_only", "out_indices", "global_pool", "output_stride"]
ARGUMENTS += ["layers", "channels", "cardinality", "base_width", "act_layer", "norm_layer", "in_chans", "drop_rate"]
ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.sampled_from(
            ["", "..", "/etc/passwd", "\0", "\ud800", "resnet18", "hf-hub:a/b", "smp:resnet18", "tu-vgg11"]
        ),
        st.text(max_size=20),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(ARGUMENTS), inner)),
    max_leaves=6,
)


def prepare(folder: Path) -> tuple[list[Case], st.SearchStrategy[Case], Callable[[Case], None]]:
    """Return damaged files and changed descriptions, and what is done with a bundle before any photo is read."""
    bundle = make_bundle(folder)
    whole = read_json(bundle / CONTENT)
    text = (bundle / CONTENT).read_bytes()
    weights, stackers = sorted(bundle.glob("weights/*/*/*")), sorted(bundle.glob("stackers/*/*"))
    kept = shutil.copytree(bundle, folder / "kept")

    def read(case: Case) -> None:
        name, data = case
        path = bundle / name
        if name == CONTENT:
            path.write_bytes(data)
        else:
            # Its author can make digests, too.
            write_sealed(data, path) if name.startswith("stackers") else path.write_bytes(data)
            write_json(whole | {"files": whole["files"] | {name: file_sha256(path)}}, bundle / CONTENT)
        try:
            opened = open_bundle(bundle)
            for label, of_label in opened.stackers().items():
                for stacker in of_label:
                    stacker.scores(np.full((2, len(opened.members(label))), 0.5, dtype=np.float32))
            for one in {one.run: one for one in opened.networks}.values():
                load_network(one, torch.device("cpu"))
        finally:
            for changed in (name, CONTENT):
                shutil.copyfile(kept / changed, bundle / changed)

    def sealed(content: dict[str, Any]) -> Case:
        write_json(content, folder / "described.json")
        return CONTENT, (folder / "described.json").read_bytes()

    files = st.sampled_from([*weights[:2], *stackers[:2]])
    cases = st.one_of(
        st.tuples(st.just(CONTENT), mutated([text])),
        files.flatmap(lambda path: st.tuples(st.just(str(path.relative_to(bundle))), mutated([path.read_bytes()]))),
        st.builds(lambda place, value: sealed(changed(whole, place, value)), st.integers(0, 10_000), ANYTHING),
    )
    cases = st.one_of(
        cases,
        st.builds(
            lambda value: sealed(with_arguments(whole, value)),
            st.dictionaries(
                st.sampled_from(ARGUMENTS),
                st.sampled_from([True, False, None, 0, 1, -1, 7, 0.5, "", "x", "avg", [], [0], [99], [1, 2]]),
                max_size=2,
            ),
        ),
    )
    return [(CONTENT, text), *((CONTENT, data) for data in traps(whole))], cases, read


def with_arguments(content: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a description in which every backbone is made with these arguments."""
    runs = {run: setting | {"backbone_args": arguments} for run, setting in content["runs"].items()}
    return content | {"runs": runs}


def changed(content: dict[str, Any], place: int, value: Any) -> dict[str, Any]:
    """Return a description with another value at one of its places, numbered from the outermost."""
    copy = json.loads(json.dumps(content))
    places, waiting = [], [copy]
    while waiting:
        part = waiting.pop(0)
        keys = list(part) if isinstance(part, dict) else range(len(part))
        places += [(part, key) for key in keys]
        waiting += [part[key] for key in keys if isinstance(part[key], (dict, list))]
    part, key = places[place % len(places)]
    part[key] = value
    return copy


def traps(content: dict[str, Any]) -> list[bytes]:
    """Return descriptions of the wrong form, deep ones and long ones."""
    deep, long = "[" * 100_000, json.dumps({**content, "labels": ["x"] * 1_000_000})
    return [b"", b"{}", b"[]", b"null", deep.encode(), long.encode(), b"\xff" * 100, b'{"sha256": 1e999}']
