"""Mistakes in a configuration's file are named before Snakemake reads it."""

import pytest

from stylevote.config.reading import check_file
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
        check_file(path)
    for words in message:
        assert f"mine.yaml, {words}" in str(error.value)


@pytest.mark.parametrize("text", ["a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 1}]\n", "a: &x {b: 1}\nc: [*x, *x]", '{"a":\t[1]}'])
def test_keys_that_stand_once_in_each_mapping_are_no_mistake(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    check_file(path)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "mine.yaml: found None, expected keys"),
        (b"- 1\n", r"mine.yaml: found \[1\], expected keys"),
        (b"a: 1\nb: [1\nc: 2\n", "mine.yaml, line 3: this is no YAML"),
        (b"a: 2018-99-99", "mine.yaml: this is no YAML: month must be in 1..12"),
        (b"a: !!python/tuple [1]", "mine.yaml, line 1: this is no YAML"),
        (b"a: " + b"[" * 100_000, "mine.yaml.*: this is no YAML"),
        (
            "labels:\n- caf\u00e9\n".encode("cp1252"),
            "mine.yaml: found the byte 0xe9 in line 2 .*, expected text in UTF-8",
        ),
        ("labels: [caf\u00e9]".encode("utf-16"), "mine.yaml: found UTF-16, expected text in UTF-8"),
        ("labels: [a]".encode("utf-16-le"), "mine.yaml"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, data, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        check_file(path)


def test_a_file_with_a_byte_order_mark_of_utf_8_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("labels: [a]\n", encoding="utf-8-sig")
    check_file(path)


def test_a_word_after_the_configuration_is_no_target(tmp_path):
    with pytest.raises(InputError, match=r"plan: found nothing, .* put targets before it"):
        check_file(tmp_path / "plan")
