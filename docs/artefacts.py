"""Write the pages that are made from the rules: `make docs`.

``page`` writes docs/artefacts.md, ``picture`` the rule graph docs/rulegraph.svg. Both load the Snakefile twice: with a
configuration that needs every rule for real photos, and with a simulation.
"""

import contextlib
import io
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, PrintDag, Quietness, ResourceSettings

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Every rule and its files

`make docs` writes this page from the rules: do not edit it. Paths are in the results folder. A path that ends with `/`
is a folder. There is a job for each value of the names in braces. [The guide](guide.md#result-files) lists the files
that users read. [The glossary](architecture.md#glossary) explains the words. The configuration of this page has
held-out photos, a student and a smaller bundle. Without these, a rule needs fewer others.
"""
# Of the picture, in pixels.
MARGIN, COLUMN, COLUMNS, LINE, GAP = 120, 200, 3, 18, 22
STYLE = (
    "rect{fill:#f4f6f8;stroke:#8793a0}text{font:12px sans-serif;fill:#1d252c}.stage{font-weight:bold}"
    "path{fill:none;stroke-width:1.6}"
)
COLOURS = ("#1b6ca8", "#b8561b", "#2f7d4f", "#8a4fa3", "#a3324b", "#6b6f1d", "#1f7f86", "#5b5fc7")


@dataclass
class Rule:
    """A rule: its stage (the name of its file), what it makes (path patterns), its purpose, and the rules it needs."""

    name: str
    stage: str
    makes: list[str]
    purpose: str
    needs: set[str] = field(default_factory=set)


def full_configuration(folder: Path) -> dict[str, Any]:
    """Return the demo's configuration with everything that is optional, and a photoset to download.

    Args:
        folder: an existing folder; gets the table of the photoset.
    """
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    table = folder / "more.csv"
    table.write_text("image,url\n0.jpg,https://example.org/0.jpg\n")
    (folder / "more").mkdir()
    run = {key: config["runs"][0][key] for key in ("backbone", "weights", "size", "phases")}
    more = {"photos": str(folder / "more"), "labels": str(table), "download": True}
    return {
        **config,
        "photosets": {**config["photosets"], "more": more},
        "holdout": {"share": 0.1},
        "keep_weights": "selectable",
        "runs": [*config["runs"], {**{key: run[key] for key in ("backbone", "weights", "size")}, "probe": {}}],
        "distillation": run,
        "target": {"tolerance": 0.01},
        "bundle": {"tolerance": 0.01},
        "abstain": {"precision": 0.8},
        "experiments": {
            "runs": {"title": "runs", "rows": [{"row": "any", "runs": {"seed": 2}, "paper": {"macro": 0.5}}]},
            "sizes": {"title": "sizes", "sizes": {"5": 0.5}},
        },
    }


def read_rules() -> dict[str, Rule]:
    """Return all rules by name; those of a simulation come last."""
    simulation = yaml.safe_load((ROOT / "config" / "simulated.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        rules = load_rules(full_configuration(Path(folder)), Path(folder), every_rule=True)
    with tempfile.TemporaryDirectory() as folder:
        return rules | {name: rule for name, rule in load_rules(simulation, Path(folder)).items() if name not in rules}


def load_rules(config: dict[str, Any], folder: Path, *, every_rule: bool = False) -> dict[str, Rule]:
    """Return the rules of a configuration by name, with the rules that each needs.

    Args:
        config: its `results` are replaced.
        folder: an existing folder, to work in.
        every_rule: whether each rule is a target, and not the default target alone.
    """
    results = f"{folder}/results/"
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**config, "results": results.rstrip("/")}))
    (folder / "workflow_scripts").symlink_to(ROOT / "workflow_scripts")
    printed = io.StringIO()
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api, contextlib.redirect_stdout(printed):
        api_of_workflow = api.workflow(
            ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[path]),
            snakefile=ROOT / "Snakefile",
            workdir=folder,
        )
        workflow = api_of_workflow._workflow
        targets = {target(rule, workflow.wildcard_constraints) for rule in workflow.rules if every_rule}
        api_of_workflow.dag(DAGSettings(targets=targets, print_dag_as=str(PrintDag.DOT))).printrulegraph()
        rules = {
            rule.name: Rule(
                rule.name,
                Path(rule.snakefile).stem,
                list(dict.fromkeys(pattern(item, results, workflow.wildcard_constraints) for item in rule.output)),
                " ".join((rule.docstring or "").split()),
            )
            for rule in workflow.rules
        }
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', printed.getvalue()))
    for needed, user in re.findall(r"(\d+) -> (\d+)", printed.getvalue()):
        rules[names[user]].needs.add(names[needed])
    return rules


def target(rule: Any, constraints: dict[str, str]) -> str:
    """Return a path that the rule makes, or its name if it makes none."""
    if not rule.output:
        return rule.name
    values = {}
    for name in rule.wildcard_names:
        alternatives = {**constraints, **(rule.wildcard_constraints or {})}[name].replace("\\", "").split("|")
        values[name] = "test" if "test" in alternatives else alternatives[0]
    return str(rule.output[0].apply_wildcards(values))


def pattern(item: Any, results: str, constraints: dict[str, str]) -> str:
    """Return an output as a path pattern in the results folder, with plain wildcards in the place of values."""
    text = re.sub(r"\{(\w+),[^{}]*\}", r"{\1}", str(item)).removeprefix(results)
    text = re.sub(r"/fold\d+(?=[/.])", "/fold{fold}", text)
    for name in ("run", "block"):
        text = re.sub(f"(?<=/)(?:{constraints[name]})(?=[/.])", f"{{{name}}}", text)
    return f"{text}/" if item.flags.get("directory") else text


def page() -> str:
    """Return the text of docs/artefacts.md."""
    rules = read_rules()
    parts = [HEAD]
    for stage in stages(rules):
        parts.append(f"\n## {stage.capitalize()}\n\n| rule | makes | needs | purpose |\n|---|---|---|---|\n")
        for rule in rules.values():
            if rule.stage == stage:
                needs = [name for name in rules if name in rule.needs]
                cells = (f"`{rule.name}`", _codes(rule.makes), _codes(needs), rule.purpose)
                parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def stages(rules: dict[str, Rule]) -> list[str]:
    """Return the stages that have rules, in the order of the Snakefile."""
    names = re.findall(r"rules/(\w+)\.smk", (ROOT / "Snakefile").read_text(encoding="utf-8"))
    return [name for name in names if name in {rule.stage for rule in rules.values()}]


def picture() -> str:
    """Return an SVG: a box per stage with its rules, and an arrow to each stage that needs another one's files."""
    rules = read_rules()
    order = stages(rules)
    number = {stage: position for position, stage in enumerate(order)}
    pairs = {(rules[name].stage, rule.stage) for rule in rules.values() for name in rule.needs}
    edges = {(number[a], number[b]) for a, b in pairs if a != b and a in number and b in number}
    height, middles, boxes = GAP, [], []
    for stage in order:
        names = [rule.name for rule in rules.values() if rule.stage == stage]
        lines = -(-len(names) // COLUMNS)
        box = LINE * (lines + 1) + 12
        boxes.append(f'<rect x="{MARGIN}" y="{height}" width="{COLUMN * COLUMNS + 20}" height="{box}" rx="6"/>')
        boxes.append(f'<text x="{MARGIN + 12}" y="{height + LINE}" class="stage">{stage}</text>')
        for position, name in enumerate(names):
            x, y = MARGIN + 12 + position % COLUMNS * COLUMN, height + LINE * (2 + position // COLUMNS)
            boxes.append(f'<text x="{x}" y="{y}">{name}</text>')
        middles.append(height + box / 2)
        height += box + GAP
    arrows = [_arrow(edge, middles) for edge in sorted(edges) if not _follows(edge, edges)]
    width = 2 * MARGIN + COLUMN * COLUMNS + 20
    heads = [
        f'<marker id="head{position}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L8 4L0 8Z" style="fill:{colour};stroke:none"/></marker>'
        for position, colour in enumerate(COLOURS)
    ]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<title>Stages, their rules, and which stage needs files of which</title><style>{STYLE}</style>",
        f'<path d="M0 0H{width}V{height}H0Z" style="fill:#fff"/>',
        "<defs>",
        *heads,
        "</defs>",
        *boxes,
        *arrows,
        "</svg>\n",
    ]
    return "\n".join(parts)


def _follows(edge: tuple[int, int], edges: set[tuple[int, int]]) -> bool:
    """Return whether a way over other stages in between leads from one stage to a later one."""
    start, end = edge
    reached = {start}
    for stage in range(start + 1, end):
        if any((before, stage) in edges for before in reached):
            reached.add(stage)
    return any((stage, end) in edges for stage in reached - {start})


def _arrow(edge: tuple[int, int], middles: list[float]) -> str:
    """Return the arrow between two boxes: on the right if the stage that needs the files comes later, else left."""
    start, end = edge
    side = 1 if start < end else -1
    x = MARGIN + (COLUMN * COLUMNS + 20 if side == 1 else 0)
    reach = x + side * min(MARGIN - 12, 26 + 13 * abs(end - start))
    y, until = middles[start] + 6, middles[end] - 6
    colour = start % len(COLOURS)
    path = f"M{x} {y:g}C{reach} {y:g} {reach} {until:g} {x} {until:g}"
    return f'<path d="{path}" stroke="{COLOURS[colour]}" marker-end="url(#head{colour})"/>'


def _codes(texts: list[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


if __name__ == "__main__":
    sys.stdout.write({"page": page, "picture": picture}[sys.argv[1]]())
