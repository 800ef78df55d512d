"""What a setting is known by must not depend on how it was written down."""

import subprocess
import sys

from places import REPOSITORY
from stylevote.config.identity import canonical, digest, run_id, seed, slug

SETTING = {"backbone": "smp:timm/resnet18", "size": 224, "recipe": "plain", "lr": 0.001, "hidden_units": [256]}


def test_equal_settings_are_one_text():
    assert canonical({"b": 1.0, "a": [2.0, 0.5]}) == canonical({"a": [2, 0.5], "b": 1}) == '{"a":[2,0.5],"b":1}'


def test_true_is_not_one():
    assert canonical({"a": True}) != canonical({"a": 1})


def test_run_id_names_what_matters_and_changes_with_every_key():
    name = run_id(SETTING)
    assert name.startswith("smp_timm_resnet18-224-plain-")
    assert run_id(dict(reversed(SETTING.items()))) == name
    assert len({run_id({**SETTING, key: "7"}) for key in SETTING} | {name}) == len(SETTING) + 1


def test_seeds_differ_by_purpose_and_hold_across_processes():
    assert seed(SETTING, 0, "order") != seed(SETTING, 0, "dropout") != seed(SETTING, 1, "dropout")
    text = f"from stylevote.config.identity import seed; print(seed({SETTING!r}, 0, 'order'))"
    other = subprocess.run(
        [sys.executable, "-c", text], cwd=REPOSITORY / "workflow_scripts", capture_output=True, text=True, check=True
    )
    assert int(other.stdout) == seed(SETTING, 0, "order") < 2**63


def test_file_stems_are_safe_and_distinct():
    assert slug("sport") == "sport"
    slugs = [slug(label) for label in ("T-shirt / top", "T-shirt - top", "Größe", "日本", "a/../../b", "Sport")]
    assert len(set(slugs)) == len(slugs)
    assert all(stem.replace("-", "").isalnum() and stem.isascii() for stem in slugs)
    assert digest({"a": 1}) == digest({"a": 1.0})
