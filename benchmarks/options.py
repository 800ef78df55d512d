"""What each option gains by itself on labelled photos: out of fold and on test photos, paired, with intervals.

    python benchmarks/options.py DATA --weights FOLDER --work WORK [--seeds 3] [--only crop mixup]

DATA is a folder with labels.csv, test_labels.csv, images/train and images/test; masks are optional. An option is a
change of a run (against a plain fine-tuned run or a plain probe), or of the ensemble (against the default one, with the
same members). Both sides have the same folds and seeds. The program runs the workflow for each option and seed, in the
order of `OPTIONS`, and prints a Markdown table: the differences of

    honest F2   macro F2 of the nested estimate on the training photos,
    test F2     macro F2 of the test photos,
    AUC         macro AUC out of fold and on the test photos, their mean.

They are means over the seeds, with the 95 % interval of paired resamples of photos. Minutes are processor minutes of
the first seed, without those of networks that options before needed, too. WORK keeps results: a further call continues,
and `--print` only prints. Begin a new folder after a change of the workflow's code.
"""

import sys
from argparse import Namespace
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from bench import make_parser
from measuring import (
    Data,
    Outcome,
    add_data_options,
    base_configuration,
    markdown,
    open_data,
    rarest_labels,
    read_outcome,
    resampled_auc,
    resampled_f,
    run_workflow,
    signed,
)

from stylevote.config.identity import slug
from stylevote.metrics import macro_f_beta

BACKBONE, OTHER = "mobilenetv2_100.ra_in1k", "tf_efficientnet_lite0.in1k"
# Odd sizes: there, padding as in TensorFlow (whose weights may be in the folder) is plain padding.
TUNED = {"backbone": BACKBONE, "size": 97}
PROBE = {"backbone": BACKBONE, "size": 161, "probe": {}}
ALL_AT_ONCE = [{"epochs": 1, "lr": 1e-3, "train": "head"}, {"epochs": 5, "lr": 3e-4, "train": "all"}]
ONE_CYCLE = [ALL_AT_ONCE[0], {"epochs": 5, "lr": 3e-4, "policy": "one_cycle", "train": "all"}]
CONSTANT = [ALL_AT_ONCE[0], {"epochs": 5, "lr": 3e-4, "policy": "constant", "train": "all"}]
COSINE = [ALL_AT_ONCE[0], {"epochs": 5, "lr": 3e-4, "policy": "cosine", "warm_up": 0.1, "train": "all"}]
LONGER = [{"epochs": 1, "lr": 1e-3, "train": "head"}, {"epochs": 4, "lr": 3e-4, "train": {"last": 0.4}}]
LONGER += [{"epochs": 6, "lr": 1e-4, "train": {"last": 0.8}}]
WEIGHTED = {"weighted_bce": {"power": 0.5}}
RECIPES = {"plain": {}, "balanced": {"balanced": {"power": 0.5}}, "thinned": {"drop": {"largest": 2, "keep": 0.7}}}
RECOLORED = {
    "segmentation": {"model": "given", "region": "clothing", "size": 256, "shards": 1},
    "recolor": {"rarer_than": 0.15, "total": 500, "per_epoch": 250},
    "recipes": {**RECIPES, "recolored": {"recolored": True}},
}


@dataclass(frozen=True)
class Option:
    """A side of a comparison.

    Attributes:
        topic: what is varied.
        name: the choice.
        runs: settings of its runs.
        against: name of the option that it is compared with; empty: it is only compared with.
        config: further keys of the configuration.
    """

    topic: str
    name: str
    runs: list[dict[str, Any]]
    against: str = ""
    config: dict[str, Any] = field(default_factory=dict)


def tuned(topic: str, name: str, config: dict[str, Any] | None = None, **keys: Any) -> Option:
    """Return the fine-tuned run with other keys, against the plain one."""
    return Option(topic, name, [{**TUNED, **keys}], "fine-tuned", config or {})


def probe(topic: str, name: str, config: dict[str, Any] | None = None, **keys: Any) -> Option:
    """Return the probe with other keys, against the plain one."""
    return Option(topic, name, [{**PROBE, **keys}], "probe", config or {})


BANK = [TUNED, {**TUNED, "loss": WEIGHTED}, {**TUNED, "hidden_units": []}, {**TUNED, "phases": ALL_AT_ONCE}]
SIZES = [PROBE, {**PROBE, "size": 225}, {**PROBE, "size": 289}]


def bank(topic: str, name: str, **config: Any) -> Option:
    """Return an ensemble of four fine-tuned runs, against the default one."""
    return Option(topic, name, BANK, "four runs", config)


OPTIONS = [
    Option("", "probe", [PROBE]),
    probe("probe: size", "225", size=225),
    probe("probe: size", "289", size=289),
    probe("probe: views", "photo only", tta="none"),
    probe("probe: scales", "1 and 1.4", probe={"scales": [1, 1.4]}),
    probe("probe: pooling", "mean_max", probe={"pooling": "mean_max"}),
    probe("probe: layers", "two", probe={"layers": 2}),
    probe("probe: features", "whitened", probe={"whiten": True}),
    probe("probe: head", "256 hidden units", hidden_units=[256]),
    probe("probe: loss", "weighted_bce, power 0.5", loss=WEIGHTED),
    probe("probe: views", "ten_crop", tta="ten_crop"),
    Option("members", "three probes of other sizes", SIZES, "probe"),
    Option("members", "two backbones", [PROBE, {**PROBE, "backbone": OTHER}], "probe"),
    Option("", "fine-tuned", [TUNED]),
    Option("tuning", "fine-tuned at 97 pixels", [TUNED], "probe"),
    Option("members", "a fine-tuned run with the probe", [PROBE, TUNED], "probe"),
    tuned("phases", "all layers after the head", phases=ALL_AT_ONCE),
    tuned("head", "linear", hidden_units=[]),
    tuned("crop", "none", crop={"min_scale": 1, "stretch": 0}),
    tuned("loss", "weighted_bce, power 0.5", loss=WEIGHTED),
    Option("members", "four runs", BANK, "fine-tuned"),
    bank("stack", "mean", stack={"combiner": "mean"}),
    bank("stack", "xgboost", stack={"combiner": "xgboost", "xgboost": {"grid": {"eta": [0.1], "max_depth": [2, 4]}}}),
    bank("thresholds", "exact", threshold={"method": "exact"}),
    bank("thresholds", "greedy", threshold={"method": "greedy"}),
    bank("thresholds", "plug_in", threshold={"method": "plug_in"}),
    bank("thresholds", "bootstrap", threshold={"method": "bootstrap"}),
    bank("selection", "greedy", selection={"method": "greedy"}),
    bank("selection", "all", selection={"method": "all"}),
    bank("votes", "average_then_vote", votes={"aggregation": "average_then_vote"}),
    tuned("views", "photo only", tta="none"),
    tuned("crop", "from half of the sides", crop={"min_scale": 0.5, "stretch": 0.1}),
    tuned("mixing", "mixup 0.2", augment={"mixup": 0.2}),
    tuned("mixing", "cutmix 1", augment={"cutmix": 1}),
    tuned("augmentation", "TrivialAugment", augment={"auto": "trivial"}),
    tuned("augmentation", "colour jitter", augment={"jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3}}),
    tuned("augmentation", "erasing of a quarter of the photos", augment={"erasing": 0.25}),
    tuned("augmentation", "no mirror image", augment={"mirror": False}, tta="none"),
    tuned("recolouring", "250 photos an epoch", RECOLORED, recipe="recolored"),
    tuned("resampling", "rarest labels three times", recipe="repeated"),
    tuned("resampling", "balanced, power 0.5", recipe="balanced"),
    tuned("loss", "asymmetric", loss="asymmetric"),
    tuned("loss", "focal", loss="focal"),
    tuned("schedule", "one_cycle", phases=ONE_CYCLE),
    tuned("schedule", "constant", phases=CONSTANT),
    tuned("schedule", "twice as long", phases=LONGER),
    tuned("weights", "moving average", ema={"decay": 0.99}),
    tuned("weights", "soup of three epochs", soup=3),
    tuned("schedule", "cosine with warm-up", phases=COSINE),
    tuned("optimizer", "adamw", optimizer="adamw"),
    tuned("optimizer", "adamw, layer decay 0.75", optimizer={"adamw": {"layer_decay": 0.75}}),
    tuned("regularization", "dropout 0.2", dropout=0.2),
    tuned("regularization", "drop_path 0.1", drop_path=0.1),
    tuned("regularization", "label_smoothing 0.1", label_smoothing=0.1),
    tuned("size", "scored at 129", test_size=129),
    tuned("folds", "five", {"folds": {"count": 5}}),
    tuned("resampling", "commonest label sets thinned", recipe="thinned"),
    tuned("size", "161", size=161),
    tuned("start", "random weights", weights="none"),
]


def configuration(option: Option, seed: int, data: Data, arguments: Namespace) -> dict[str, Any]:
    """Return the configuration of an option for one seed, which the folds and the runs have."""
    repeated = {"repeat": {"labels": rarest_labels(data), "times": 3}}
    config = {
        **base_configuration(data, arguments),
        "runs": [{**keys, "seed": seed} for keys in option.runs],
        **option.config,
        "recipes": {**option.config.get("recipes", RECIPES), "repeated": repeated},
        "folds": {"count": 3, "seed": seed, **option.config.get("folds", {})},
    }
    work = arguments.work.resolve() / f"seed{seed}"
    folder = work / slug(f"{option.topic} {option.name}".strip())
    return {"results": str(folder), "networks": str(work / f"folds{config['folds']['count']}"), **config}


def row(option: Option, base: Option, seeds: list[int], data: Data, arguments: Namespace) -> list[str]:
    """Return the cells of an option's row."""

    @cache
    def outcome(side: int, seed: int) -> Outcome:
        config = configuration((base, option)[side], seed, data, arguments)
        return read_outcome(data, Path(config["results"]), Path(config["networks"]))

    cells, auc, auc_samples = [], 0.0, 0.0
    for name in ("train", "test"):
        truth = data.truth(name)
        sides = [outcome(side, seed) for seed in seeds for side in (0, 1)]
        decisions = [side.decisions[name] for side in sides]
        difference = np.mean(np.diff(np.reshape([macro_f_beta(truth, each) for each in decisions], (-1, 2)), axis=1))
        samples = resampled_f(truth, decisions)
        cells.append(signed(difference, (samples[1::2] - samples[::2]).mean(axis=0)))
        areas = resampled_auc(truth, [side.scores[name] for side in sides])
        areas = (areas[1::2] - areas[::2]).mean(axis=0) / 2
        auc, auc_samples = auc + areas[0], auc_samples + areas[1:]
    config = configuration(option, seeds[0], data, arguments)
    minutes = run_workflow(config, arguments.threads) / 60
    return [option.topic, option.name, option.against, *cells, signed(auc, auc_samples), len(seeds), f"{minutes:.1f}"]


def is_done(option: Option, seed: int, data: Data, arguments: Namespace) -> bool:
    """Return whether the results of an option and a seed are there."""
    return Path(configuration(option, seed, data, arguments)["results"], "measured.json").exists()


def table(options: list[Option], data: Data, arguments: Namespace) -> str:
    """Return the rows of all options whose results are there."""
    rows = [["", "option", "against", "honest F2", "test F2", "AUC", "seeds", "minutes"]]
    for option in options:
        if not option.against:
            continue
        base = next(other for other in options if other.name == option.against)
        done = (all(is_done(side, seed, data, arguments) for side in (base, option)) for seed in range(arguments.seeds))
        if seeds := [seed for seed, both in enumerate(done) if both]:
            rows.append(row(option, base, seeds, data, arguments))
    return markdown(rows)


def main() -> None:
    """Run what is missing, and print the table."""
    parser = make_parser(__doc__)
    add_data_options(parser)
    parser.add_argument("--only", nargs="+", help="topics to run")
    parser.add_argument("--print", action="store_true", help="run nothing, and print what there is")
    arguments = parser.parse_args()
    data = open_data(arguments)
    chosen = [o for o in OPTIONS if not arguments.only or not o.against or o.topic in arguments.only]
    chosen = [o for o in chosen if "masks" in data.photosets["train"] or o.config is not RECOLORED]
    if not arguments.print:
        for seed in range(arguments.seeds):
            for option in chosen:
                seconds = run_workflow(configuration(option, seed, data, arguments), arguments.threads)
                text = f"seed {seed}, {option.topic} {option.name}: {seconds / 60:.1f} minutes"
                print(text, file=sys.stderr, flush=True)
    print(table(chosen, data, arguments))


if __name__ == "__main__":
    main()
