"""Some faults of the campaign, late in the workflow, where little is left to do again."""

import pytest

from faults.campaign import BY_ITSELF, BY_MESSAGE, KINDS, Trial

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "stage", "seed"),
    [  # by these seeds it happens while the votes are cast
        ("SIGKILL of a job", "votes", 12),
        ("SIGKILL of Snakemake alone", "votes", 14),
        ("Ctrl-C", "votes", 1),
    ],
)
def test_what_is_killed_goes_on(finished, tmp_path, kind, stage, seed):
    outcome = Trial(KINDS.index(kind), seed, finished.folder, tmp_path / "trial", stage).run()
    assert outcome.status in (BY_ITSELF, BY_MESSAGE), outcome
    assert "job 1 of" in outcome.done


@pytest.mark.parametrize("kind", ["stackers", "thresholds"])
def test_what_is_damaged_is_named_and_made_anew(finished, tmp_path, kind):
    outcome = Trial(KINDS.index(kind), 1, finished.folder, tmp_path / "trial").run()
    assert (outcome.status, outcome.why.split("/")[0]) == (BY_MESSAGE, "removed out"), outcome
