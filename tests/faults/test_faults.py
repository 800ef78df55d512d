"""Some faults of the campaign, late in the workflow, where little is left to do again."""

import pytest

from faults.campaign import BY_ITSELF, BY_MESSAGE, KINDS, Trial


@pytest.mark.parametrize(
    ("kind", "stage", "status"),
    [
        ("SIGKILL of Snakemake alone", "votes", BY_MESSAGE),
        ("SIGKILL of a job", "votes", BY_ITSELF),
        ("Ctrl-C", "votes", BY_ITSELF),
        ("stackers", None, BY_MESSAGE),
        ("thresholds", None, BY_MESSAGE),
    ],
)
def test_it_is_survived(finished, tmp_path, kind, stage, status):
    outcome = Trial(KINDS.index(kind), 1, finished.folder, tmp_path / "trial", stage).run()
    assert outcome.status == status, outcome
