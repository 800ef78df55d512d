"""Configurations of which no bundle can be made are refused before anything is trained."""

import pytest

from stylevote.bundle.requirements import refuse_settings
from stylevote.config.resolve import resolve
from stylevote.errors import InputError

RUN = {"backbone": "resnet18", "phases": [{"epochs": 1, "lr": 0.01, "train": "all"}]}


def settings(**changes):
    """Return the resolved settings of a configuration with two labels and a run."""
    photosets = {"train": {"photos": "train", "labels": "train.csv"}, "test": {"photos": "test", "labels": None}}
    return resolve({"results": "out", "labels": ["red", "blue"], "photosets": photosets, "runs": [RUN], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": {"external": ["theirs"]}}, "members.external have predictions and no networks"),
        ({"keep_weights": "none"}, "keep_weights is none, so there are no weights"),
        (
            {"runs": [{**RUN, "backbone_args": {"cache_dir": "x"}}]},
            "the run resnet18-.*: backbone_args: ",
        ),
    ],
)
def test_members_without_weights_to_copy_are_refused(changes, message):
    with pytest.raises(InputError, match=f"bundle: {message}"):
        refuse_settings(settings(**changes))


def test_networks_whose_weights_are_kept_are_not_refused():
    refuse_settings(settings())
    refuse_settings(settings(keep_weights="selectable"))
