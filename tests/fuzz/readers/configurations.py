"""Configurations: YAML as Snakemake reads it, then checked and resolved; damaged, drawn, and with values that grow."""

import copy
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from snakemake.common.configfile import load_configfile

from fuzz.mutations import mutated
from places import REPOSITORY
from stylevote.config.configuration import Configuration
from stylevote.config.identity import canonical
from stylevote.config.reading import check_file
from stylevote.config.resolve import resolve

SMALL = {
    "labels": ["red", "round"],
    "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}},
    "runs": [{"backbone": "resnet18", "phases": [{"epochs": 1, "lr": 0.1, "train": "all"}], "seed": {"each": [1, 2]}}],
    "recipes": {"plain": {}, "more": {"repeat": {"labels": ["red"], "times": 2}}},
    "experiments": {
        "plain": {
            "title": "a table",
            "runs": {"recipe": "plain"},
            "rows": [{"row": "a row", "runs": {"backbone": "resnet18"}, "paper": {"red": 0.5, "macro": None}}],
        }
    },
}
# Snakemake reads the file by PyYAML, which takes 5 s a megabyte, before any line of this repository is reached.
MAX_BYTES = 500_000
# What a reader of YAML, or of a setting, may stumble over, as it is written.
WORDS = """
1e-3 1e400 -1e-400 .nan .inf -.inf 0x1F 0o17 1_000 1:30 07 +1 -1 -0 99999999999999999999 0.1 1.0 true
no ON ~ null 2018-01-01 2018-01-01T00:00:00Z "" '' "1e-3" "\\0" "\\ud800" "\\e[2J" "\\u202e" &a *a *b
!!set !!binary !!python/tuple !!float [] {} [[]] [{}] [1,a,null] {a:1} {1:2} {null:1} {a:{a:{a:{}}}}
{each:[]} {each:[1,2]} {choose:[]} {choose:[1]} {uniform:[1,0]} {uniform:[0,1]} {log_uniform:[0,1]}
{integers:[0,9007199254740993]} {layers:[1,3],units:8} all each none pretrained head labels results
{results} ../.. /etc/passwd a/b "a b" =1+1 <b>x</b> <<: ? | > % @ ` - : #
""".split()  # noqa: SIM905 (as it is written)


def prepare(folder: Path) -> tuple[list[str | bytes], st.SearchStrategy[bytes], Callable[[str | bytes], None]]:
    """Return traps, damaged and drawn configurations, and what is done with one before any rule is read."""
    ready = [REPOSITORY / "config.yaml", *sorted((REPOSITORY / "config").glob("*.yaml"))]
    texts = [path.read_bytes() for path in ready]
    words = st.sampled_from(WORDS)
    small = yaml.safe_dump(SMALL).encode()
    lines = texts[0].decode().splitlines() + small.decode().splitlines()
    drawn = st.lists(st.sampled_from(lines), max_size=40).map("\n".join).map(str.encode)
    cases = st.one_of(
        mutated([*texts, small]),
        drawn,
        st.builds(_replaced, st.sampled_from([*texts, small]), st.integers(0, 500), words),
        changed_settings(),
    )

    def read(text: str | bytes) -> None:
        path = folder / "config.yaml"
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(data[:MAX_BYTES])
        check_file(path)  # before Snakemake reads it
        settings = resolve(load_configfile(path))
        canonical([settings.config, settings.runs, settings.external, settings.slugs, settings.cells]).encode()
        if not settings.labels or not (settings.runs or settings.external):
            raise AssertionError("nothing to decide")

    return [*texts, small, *traps()], cases, read


def _replaced(text: bytes, place: int, word: str) -> bytes:
    """Put a word in the place of a value, or of a whole line."""
    lines = text.decode().splitlines()
    line = lines[place % len(lines)]
    key, colon, _ = line.partition(":")
    lines[place % len(lines)] = f"{key}: {word}" if colon and place % 3 else word
    return "\n".join(lines).encode()


def changed_settings() -> st.SearchStrategy[bytes]:
    """Return the small configuration with any setting set to anything."""
    schema = Configuration.model_json_schema()
    scalars = st.one_of(
        st.sampled_from(
            [None, True, -1, 0, 1, 3, 1000, 2**63, 10**400, 0.5, float("nan"), float("inf"), "", "1e-3", "red"]
        ),
        st.sampled_from(["mean", "all", "each", "plain", "more", "\u202e", "a" * 10_000, "9" * 5_000, "𝕬" * 100]),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
    )
    values = st.recursive(
        scalars,
        lambda part: st.one_of(st.lists(part, max_size=4), st.dictionaries(scalars.map(str), part, max_size=3)),
        max_leaves=8,
    )

    def make(changes: list[tuple[tuple, Any]]) -> bytes:
        config = copy.deepcopy(SMALL)
        for path, value in changes:
            _put(config, path, value)
        return yaml.dump(config, allow_unicode=True).encode("utf-8", "surrogatepass")

    return st.lists(st.tuples(st.sampled_from(list(_paths(schema, schema))), values), min_size=1, max_size=3).map(make)


def _paths(schema: dict, part: dict, path: tuple = ()) -> list[tuple]:
    """Return the place of every setting below a part of a schema; of lists, that of their first element, too."""
    found = [path] if path else []
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    for key, inner in part.get("properties", {}).items():
        found += _paths(schema, inner, (*path, key))
    for form in part.get("anyOf", part.get("oneOf", [])):
        found += [place for place in _paths(schema, form, path) if place != path]
    if "items" in part:
        found += _paths(schema, part["items"], (*path, 0))
    for inner in [*part.get("patternProperties", {}).values(), part.get("additionalProperties")]:
        if isinstance(inner, dict):
            found += _paths(schema, inner, (*path, "train" if path == ("photosets",) else "plain"))
    return found


def _put(config: Any, path: tuple, value: Any) -> None:
    """Set the value at a path, making what lies on the way."""
    for key, after in pairwise(path):
        empty = [] if after == 0 else {}
        if isinstance(config, list):
            if not config or not isinstance(config[0], type(empty)):
                config[:1] = [empty]
            config = config[0]
        else:
            if not isinstance(config.get(key), type(empty)):
                config[key] = empty
            config = config[key]
    if isinstance(config, list):
        config[:1] = [value]
    else:
        config[path[-1]] = value


def traps() -> list[str]:
    """Return short configurations that stand for much, or for nothing."""
    small = yaml.safe_dump(SMALL)
    levels = "\n".join(f"x{k}: &x{k} [{', '.join([f'*x{k - 1}'] * 9)}]" for k in range(1, 12))
    strings = ", ".join(f'"{k}"' for k in range(10_000))
    mixed = ", ".join(f"{k}, a{k}" for k in range(5_000))
    unknown = "\n".join(f"key{k}: 1" for k in range(10_000))
    return [
        "",
        "# nothing",
        "- a list",
        "text",
        "a: b: c",
        "\ta: 1",
        "a: [1, 2",
        "a: &a [*a]",
        "a: &a {b: *a}",
        f"x0: &x0 [a, a]\n{levels}\n{small}",
        f"{small}\nx: {'[' * 900}{']' * 900}",
        f"{small}\nx: {'[' * 100_000}{']' * 100_000}",
        f"{small}\nx: {'9' * 10_000}",
        f"{small}\nbeta: '{'9' * 10_000}'",
        f"{small}\n1: 2\nnull: 3\n2018-01-01: 4",
        f"{small}\n? [a, b]\n: 1",
        f"{small}\nlabels: [a]\nlabels: [b]",
        f"{small}\nresults: 2018-01-01",
        f"{small}\nresults: !!python/name:os.system",
        f"{small}\nresults: !!python/object/apply:os.system ['touch ran']",
        f"{small}\nmembers: {{external: [{strings}]}}",
        f"{small}\nmembers: {{external: [{mixed}]}}",
        f"labels: [{strings}]\n",
        f"{small}\nrecolor: {{labels: [{strings}]}}",
        f"{small}\nstack: {{auto: {{among: [{mixed}]}}}}",
        f"{small}\n{unknown}",
        f"{small}\n{'k' * 1_000_000}: 1",
        f"{small}\nresults: {'k' * 1_000_000}",
        small.replace("- 1\n  - 2", "{choose: [1, 2, 3]}\n  draws: 4999"),
        small.replace("- 1\n  - 2", "{integers: [0, 1000000]}\n  draws: 4000"),
    ]
