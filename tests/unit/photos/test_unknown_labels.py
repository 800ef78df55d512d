"""Rows of the same photo contradict each other where both know a label, whichever rows are between them."""

from types import SimpleNamespace

from stylevote.files.tables import UNKNOWN
from stylevote.photos.ingest import _contradictions


def test_equal_photos_may_differ_in_what_is_unknown_and_in_nothing_else(tmp_path):
    rows = [
        ("a", "one", [UNKNOWN, 1]),
        ("b", "one", [0, UNKNOWN]),
        ("c", "one", [0, 1]),
        ("d", "one", [1, UNKNOWN]),  # as the first row, but not as the second
        ("e", "two", [1, 0]),
        ("f", "two", [UNKNOWN, UNKNOWN]),
        ("g", "two", [UNKNOWN, 1]),
    ]
    kept = [
        (SimpleNamespace(row=number, name=name, values=bytes(values)), SimpleNamespace(sha256=photo))
        for number, (name, photo, values) in enumerate(rows, start=2)
    ]
    found = [problem.text.partition(": ")[2] for problem in _contradictions(kept, ["red", "round"], tmp_path)]
    assert found == [
        "'d' is the same photo as 'b' in row 3, but they differ in 'red'",
        "'g' is the same photo as 'e' in row 6, but they differ in 'round'",
    ]
