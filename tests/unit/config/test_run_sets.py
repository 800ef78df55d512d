"""Ready sets of runs."""

import pytest
import timm

from stylevote.config.resolve import resolve
from stylevote.config.run_sets import SETS
from stylevote.errors import InputError

BASE = {"labels": ["coat", "hat"], "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}}}
OPEN = {"apache-2.0", "mit", "bsd-3-clause"}


def runs(value: object) -> dict[str, dict]:
    return resolve({**BASE, "runs": value}).runs


@pytest.mark.parametrize("name", SETS)
def test_every_backbone_of_a_set_has_weights_of_an_open_licence(name):
    published = set(timm.list_pretrained())
    for setting in runs(name).values():
        backbone = setting["backbone"]
        assert backbone in published
        assert timm.get_pretrained_cfg(backbone).license in OPEN, backbone


@pytest.mark.parametrize("suffix", ["", "_cpu"])
def test_sets_grow_from_probes_alone_to_two_dozen_runs(suffix):
    quick, standard, large = (runs(name + suffix) for name in ("quick", "standard", "large"))
    assert all(setting.get("probe") for setting in quick.values())
    assert quick.keys() < standard.keys() < large.keys()
    assert not all(setting.get("probe") for setting in standard.values())
    assert 20 <= len(large) <= 30


def test_names_and_runs_can_be_mixed():
    own = {"backbone": "resnet18"}
    assert runs(["quick_cpu", own]).keys() == runs("quick_cpu").keys() | runs([own]).keys()
    assert runs(["quick_cpu"]) == runs("quick_cpu")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("quik", "runs: 'quik' is no ready set; did you mean 'quick'?"),
        (["huge_bank"], "known: quick_cpu, standard_cpu, large_cpu, quick, standard, large"),
        (["quick_cpu", {"backbone": "resnet18", "sise": 64}], r"runs\[1\]: unknown key 'sise'"),
        (["quick", "standard"], r"runs\[1\]: the same setting as runs\[0\]"),
    ],
)
def test_a_wrong_name_or_entry_is_named(value, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        runs(value)
