"""A configuration's file is read as people read it: no key stands twice."""

import pytest

from stylevote.config.reading import refuse_repeated_keys
from stylevote.errors import InputError


@pytest.mark.parametrize(
    "text, message",
    [
        ("folds: {count: 3}\nlabels: [a]\nfolds: {count: 4}\n", ["line 3: the key 'folds' again; line 1 has it"]),
        ("runs:\n- lr: 1\n  size: 32\n  lr: 2\n  'size': 40\n", ["line 4: the key 'lr'", "line 5: the key 'size'"]),
        ('{"a": {"b": 1,\n"b": 2}}', ["line 2: the key 'b' again; line 1 has it"]),
        ("{a: 1, a: 1}", ["line 1: the key 'a' again; line 1 has it"]),
    ],
)
def test_repeated_keys_are_refused_with_their_lines(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        refuse_repeated_keys(path)
    for words in message:
        assert f"mine.yaml, {words}" in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "a", "a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 1}]\n", "a: &x {b: 1}\nc: [*x, *x]", "a: [1"]
)
def test_keys_that_stand_once_in_each_mapping_are_no_mistake(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    refuse_repeated_keys(path)
