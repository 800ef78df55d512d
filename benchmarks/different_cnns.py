"""How many different CNNs the best N members of all labels are, for a configuration's runs with simulated scores.

The first-place team's 20 members of 13 labels in 5 folds (Ding and Wan 2018, section II.F) are 1,300 CNNs, of which 726
are different: 56 %. The share depends on how far labels agree which runs and epochs are good. Their report does not say
that, but their public repository lists the best five CNNs of each label for one of their ensembles (the file
ensemble/xgb/record/model2053/meta_model.json). In its first fold, 54 of 65 are different: 83 %. The runs of
config/jd2018.yaml have about this share at an agreement of 0.4 (84 %). Then their best 20 were 760 different CNNs, with
the settings below and seed 1. At an agreement of 0.5 (80 %), they were 720.

This prints the count at several degrees of agreement. The simulation (`stylevote.simulate.ensemble`) has the
challenge's labels, the configuration's runs with their numbers of epochs, and a family of scores for each backbone.

Each fold's own photos rank its CNNs; a label takes one epoch of a run, and none whose scores correlate above 0.9 with
those of a better one. Run it from the repository's root:

    python benchmarks/different_cnns.py --agreement 0.4 0.5
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from bench import make_parser

from stylevote.config.ensemble import Simulation
from stylevote.config.resolve import resolve
from stylevote.config.settings import epochs_of
from stylevote.ensemble.composition import count_cnns
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import backbone_of, members_of, select_members
from stylevote.simulate.ensemble import SimulatedEnsemble, make_ensemble, simulate_manifest, simulate_scores

SIZES = (5, 10, 20)  # of Table VII


def simulate_label(
    ensemble: SimulatedEnsemble, epochs_by_run: dict[str, int], label: str, truth: np.ndarray, folds: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the candidates (run, epoch) of a label, and their out-of-fold scores."""
    backbones: dict[str, list[str]] = {}
    for run in epochs_by_run:
        backbones.setdefault(backbone_of(run), []).append(run)
    rows, scores = [], []
    for family, runs in enumerate(backbones.values()):
        for place, run in enumerate(runs):
            known = {"families": len(backbones), "epochs": epochs_by_run[run]}
            of_run = SimulatedEnsemble(
                ensemble.settings.model_copy(update=known), ensemble.prevalence, ensemble.strength
            )
            member = place * len(backbones) + family
            scores.append(simulate_scores(of_run, member, label, truth, photoset="train", cnns=folds))
            rows += [(run, epoch) for epoch in range(1, epochs_by_run[run] + 1)]
    return pd.DataFrame(rows, columns=["run", "epoch"]), np.concatenate(scores)


def main() -> None:
    """Print the counts."""
    parser = make_parser(__doc__)
    parser.add_argument("--configuration", type=Path, default=Path("config/jd2018.yaml"))
    parser.add_argument("--agreement", type=float, nargs="+", default=[0, 0.5, 0.8])
    parser.add_argument("--runs", type=int, help="number of the configuration's runs, drawn at random; default: all")
    parser.add_argument("--photos", type=int, default=54908)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    settings = resolve(yaml.safe_load(arguments.configuration.read_text(encoding="utf-8")))
    labels, count = settings.labels, len(settings.folds)
    photos = simulate_manifest("train", arguments.photos, 20, labels, arguments.seed)
    folds = np.random.default_rng(arguments.seed).permutation(np.arange(len(photos)) % count)
    runs = sorted(np.random.default_rng(arguments.seed).permutation(list(settings.runs))[: arguments.runs].tolist())
    epochs_by_run = {run: epochs_of(settings.runs[run]) for run in runs}
    print(f"{len(runs)} runs, {sum(epochs_by_run.values()) * count:,} CNNs, {len(photos):,} photos")
    print("agreement  members  places  different  share  runs  labels with fewer members  seconds")
    for agreement in arguments.agreement:
        start = time.monotonic()
        simulation = Simulation(twins=0, agreement=agreement, seed=arguments.seed)
        ensemble = make_ensemble(photos[labels], simulation)
        chosen = []
        for label in labels:
            truth = photos[label].to_numpy()
            candidates, scores = simulate_label(ensemble, epochs_by_run, label, truth, folds)
            for fold in range(count):
                own, known = scores[:, folds == fold], truth[folds == fold]
                ranking = rank_candidates(candidates, known, own)
                members = members_of(select_members(ranking, own, known, top_n=max(SIZES), correlation=0.9))
                chosen.append(members.assign(label=label, fold=fold))
        table = pd.concat(chosen)
        for size in SIZES:
            members = table[table["member"] <= size]
            different, places = count_cnns(members, count), len(members)
            lacking = (members.groupby(["label", "fold"]).size() < size).groupby("label").any().sum()
            print(
                f"{agreement:9g} {size:8} {places:7,} {different:10,} {different / places:6.2f}"
                f" {members['run'].nunique():5} {lacking:26} {time.monotonic() - start:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
