"""The profile for Slurm in a dry run: its groups work in every kind of configuration."""

import re

import pytest
import yaml

from places import REPOSITORY
from workflow.checkout import announced


@pytest.fixture(params=["plain", "target", "holdout", "features", "removed weights", "small"])
def kind(request, fresh) -> str:
    """A kind of configuration, with rules, or paths between rules, of its own."""
    if request.param == "target":
        fresh.config["target"] = {"tolerance": 0.002}
    if request.param == "small":
        fresh.config["bundle"] = {"tolerance": 0.1}
    if request.param == "holdout":
        fresh.config["holdout"] = {"share": 0.2}
    if request.param == "features":
        fresh.config["stack"]["features"] = "all"
    if request.param == "removed weights":
        fresh.config["keep_weights"] = "selectable"
    return request.param


def test_no_group_waits_for_itself_and_nothing_else_is_computed(fresh, kind):
    everything = ["all", "check_leakage", "out/estimate/size_curve.parquet", "out/predictions/train/decisions.csv"]
    everything += ["out/bundle"] if kind == "small" else []
    here = fresh.plan(*everything)
    printed = fresh.snakemake("--dry-run", "--profile", "profiles/slurm", "--", *everything).stdout
    assert here["train_cnn"] == 6
    assert announced(printed) == here


def test_rules_with_a_gpu_go_to_its_partition():
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "rules").glob("*.smk"))
    blocks = dict(re.findall(r"^ *rule (\w+):\n(.*?)(?=^\S|\Z)", rules, re.MULTILINE | re.DOTALL))
    profile = yaml.safe_load((REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
    in_partition = {name for name, own in profile["set-resources"].items() if own.get("slurm_partition") == "gpu"}
    assert in_partition == {name for name, block in blocks.items() if re.search(r"^ +gpu=", block, re.MULTILINE)}
