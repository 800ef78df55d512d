"""The description of a bundle, for those who get it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stylevote.report.render import markdown


def bundle_card(content: Mapping[str, Any], worth: str, networks: int) -> str:
    """Return a description of a bundle as Markdown.

    Args:
        content: see `stylevote.bundle.contents.write_bundle`.
        worth: Markdown about the quality of its decisions.
        networks: number of CNNs in the bundle.
    """
    return markdown("bundle_card.md", content=content, worth=worth.rstrip(), networks=networks)


def worth_of_ensemble(nested: pd.DataFrame, score: str, *, part: bool) -> str:
    """Return Markdown about the quality of an ensemble's decisions.

    Args:
        nested: `estimate/summary.parquet`: the estimate of the whole ensemble.
        score: name of the F-beta.
        part: whether the bundle has fewer members than the ensemble.
    """
    return markdown("bundle_worth.md", rows=nested.to_dict("records"), score=score, part=part)
