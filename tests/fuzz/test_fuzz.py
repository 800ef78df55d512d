"""A few hundred hostile cases of each kind, the same each time; `make fuzz` tries thousands of others."""

import pytest

from fuzz.campaign import READERS, run_apart, try_case
from stylevote.errors import InputError

CASES = 40  # a reader's, besides its known traps


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_every_case_ends_in_success_or_in_one_plain_sentence(name):
    tally = run_apart(name, CASES, seed=0)
    assert not tally.failures
    assert tally.cases >= CASES
    assert tally.accepted > 0 and tally.refused > 0


def raising(error):
    def read(case):
        raise error

    return read


def test_what_is_no_plain_sentence_counts_as_a_failure():
    assert try_case(lambda case: None, None) == ("accepted", "")
    assert try_case(raising(InputError("a.csv: empty")), None) == ("refused", "")
    for error in (KeyError("a"), RecursionError(), MemoryError()):
        outcome, problem = try_case(raising(error), None)
        assert outcome == "failed" and type(error).__name__ in problem
