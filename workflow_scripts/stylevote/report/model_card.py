"""The model card (Mitchell et al. 2019): the ensemble's data, use, measures and limits."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd
import yaml

from stylevote.estimate.summary import INTERVAL
from stylevote.report.render import markdown
from stylevote.report.runs import RunTable

PACKAGES = ("torch", "torchvision", "timm", "xgboost", "scikit-learn", "numpy", "pandas", "pillow", "snakemake")


def model_card(
    *,
    settings: Mapping[str, Any],
    runs: RunTable,
    macro: pd.DataFrame,
    by_label: pd.DataFrame,
    composition: Mapping[str, Any],
    photos: Mapping[str, int],
    digests: Mapping[str, str],
    score: str,
    drawn: bool,
) -> str:
    """Return the model card as Markdown.

    Args:
        settings: `contents.card_settings`.
        runs: `runs.run_table`.
        macro: `overview.macro_figures`.
        by_label: `overview.label_figures`.
        composition: `composition.describe_ensemble`.
        photos: number of photos, by photoset.
        digests: SHA-256 of files, by their contents.
        score: name of the F-beta.
        drawn: whether the photos are the demo's.
    """
    return markdown(
        "model_card.md",
        settings=settings,
        settings_text=yaml.safe_dump(dict(settings), sort_keys=True, allow_unicode=True).rstrip(),
        runs=runs,
        overall=macro.set_index("key").to_dict("index"),
        by_label=by_label.to_dict("records"),
        composition=composition,
        folds=settings["folds"]["count"],
        photos=photos,
        digests=digests,
        score=score,
        drawn=drawn,
        interval_method=INTERVAL,
        python=platform.python_version(),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    """Return the versions of the packages that are installed; environments of single programs lack Snakemake."""
    versions = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
