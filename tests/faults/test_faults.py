"""Some faults of the campaign, late in the workflow, when little is left to do again."""

import pytest

from faults.campaign import BY_ITSELF, BY_MESSAGE, KINDS, Trial

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "stage", "seed"),
    [  # with these seeds, they happen while folds are combined
        ("SIGKILL of a job", "votes", 12),
        ("SIGKILL of Snakemake alone", "votes", 14),
        ("Ctrl-C", "votes", 1),
        ("clock set back", "votes", 8),
    ],
)
def test_a_call_that_was_hit_is_finished_by_the_next(finished, tmp_path, kind, stage, seed):
    outcome = Trial(KINDS.index(kind), seed, finished.folder, tmp_path / "trial", stage).run()
    assert outcome.status in (BY_ITSELF, BY_MESSAGE), outcome
    assert "job 1 of" in outcome.done


@pytest.mark.parametrize("kind", ["stackers", "thresholds"])
def test_a_damaged_result_is_named_and_made_again(finished, tmp_path, kind):
    outcome = Trial(KINDS.index(kind), 1, finished.folder, tmp_path / "trial").run()
    assert (outcome.status, outcome.why.split("/")[0]) == (BY_MESSAGE, "removed out"), outcome
