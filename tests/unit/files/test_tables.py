"""Artefacts are whole or absent, and a damaged one is named, never read."""

import errno
import os
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from places import REPOSITORY
from stylevote.errors import InputError
from stylevote.files.tables import (
    HOST,
    check_seal,
    open_table,
    read_json,
    read_sealed,
    read_table,
    replacing,
    table_writer,
    write_json,
    write_sealed,
    write_table,
)


def test_round_trip(tmp_path):
    table = pd.DataFrame({"image_id": ["a", "ü"], "score": [0.5, 1.0]})
    write_table(table, tmp_path / "deep" / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "deep" / "t.parquet"), table)
    write_json({"b": 1, "a": [1.5]}, tmp_path / "t.json")
    assert read_json(tmp_path / "t.json") == {"a": [1.5], "b": 1}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "t.json"
    write_json({"x": 1}, path)
    with pytest.raises(ZeroDivisionError), replacing(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert read_json(path) == {"x": 1}
    assert list(tmp_path.iterdir()) == [path]


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_killed_processes_left_half_written_goes(tmp_path):
    path = tmp_path / "[a].json"
    dead, elsewhere = dead_process(), "0" * len(HOST)
    names = [f".[a].json.{HOST}-{dead}.partial", f".[a].json.{HOST}-{os.getppid()}.partial"]
    names += [f".[a].json.{elsewhere}-{dead}.partial", f".a.json.{HOST}-{dead}.partial"]
    for name in names:
        (tmp_path / name).write_text("half")
    write_json({"x": 1}, path)
    assert {place.name for place in tmp_path.iterdir()} == {path.name, *names[1:]}


def test_two_writers_do_not_mix(tmp_path):
    path = tmp_path / "t"
    program = (
        "import sys; from pathlib import Path; from stylevote.files.tables import replacing\n"
        "with replacing(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('other')\n"
        "    print(flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, path],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    other.stdout.readline()
    with replacing(path) as partial:
        partial.write_text("this")
    assert path.read_text() == "this"
    other.communicate(b"\n")
    assert other.returncode == 0
    assert path.read_text() == "other"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_in_a_line(tmp_path):
    with (
        pytest.raises(
            InputError, match=r"/t: cannot be written: the disk is full; make room, or .*, then start again$"
        ),
        replacing(tmp_path / "t") as partial,
    ):
        partial.symlink_to("/dev/full")
        partial.write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EROFS, "Read-only file system"), "the disk is read-only; make it writable, then start again"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "the disk is full"),
    ],
)
def test_what_the_disk_refuses_is_said_in_a_line(tmp_path, error, message):
    with pytest.raises(InputError, match=f"t: cannot be written: {message}"), replacing(tmp_path / "t"):
        raise error


def test_equal_tables_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_table(pd.DataFrame({"x": [1, 2]}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


TABLE = pd.DataFrame({"image_id": ["a", "b", "c"], "score": [0.25, 0.5, 1.0]})


def write_in_parts(path):
    with table_writer(path, pa.schema([("number", pa.int64())]), compression="none") as writer:
        for start in (0, 2):
            writer.write_table(pa.table({"number": [start, start + 1]}))


def test_others_read_sealed_tables_as_ever(tmp_path):
    write_table(TABLE, tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), TABLE)
    assert pq.read_table(tmp_path / "t.parquet", columns=["score"])["score"].to_pylist() == [0.25, 0.5, 1.0]
    write_in_parts(tmp_path / "p.parquet")
    with pq.ParquetFile(tmp_path / "p.parquet") as file:
        assert [file.read_row_group(group)["number"].to_pylist() for group in (0, 1)] == [[0, 1], [2, 3]]
    with open_table(tmp_path / "p.parquet") as file:
        assert file.read_row_group(1)["number"].to_pylist() == [2, 3]


ARTEFACTS = {
    "table": (lambda path: write_table(TABLE, path), read_table),
    "table in parts": (write_in_parts, read_table),
    "empty table": (lambda path: write_table(TABLE.iloc[:0], path), read_table),
    "bytes": (lambda path: write_sealed(bytes(range(50)), path), read_sealed),
    "no bytes": (lambda path: write_sealed(b"", path), read_sealed),
    # All ends of such a file look like Parquet's, and are none.
    "bytes like a table's": (lambda path: write_sealed(b"PAR1" + bytes(20) + b"PAR1", path), read_sealed),
}


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_no_flipped_bit_and_no_cut_is_read_as_data(tmp_path, kind):
    write, read = ARTEFACTS[kind]
    path = tmp_path / "x"
    write(path)
    whole = path.read_bytes()
    read(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"x: damaged \(.+\)\. Delete it and run again"):
            read(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"x: damaged"):
            read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(InputError, match=r"x: damaged"):
        read(path)


def test_json_with_a_flipped_bit_is_the_same_or_refused(tmp_path):
    path, value = tmp_path / "t.json", {"threshold": 0.125, "curve": [[0.5, 1], [0.75, 2]], "label": "ü"}
    write_json(value, path)
    whole, refused = path.read_bytes(), 0
    for place in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            assert read_json(path) == value  # one blank for another
        except InputError as error:
            assert "t.json: damaged" in str(error)
            refused += 1
    assert refused > 0.9 * 8 * len(whole)


def test_what_the_user_brings_needs_no_seal(tmp_path):
    path = tmp_path / "t.parquet"
    TABLE.to_parquet(path)
    with pytest.raises(InputError, match=r"t\.parquet: damaged \(it has no checksum"):
        read_table(path)
    check_seal(path, required=False)


def test_a_damaged_copy_of_a_sealed_table_is_refused_wherever_it_lies(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(TABLE, path)
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"t\.parquet: damaged .*replace it if it was yours"):
        check_seal(path, required=False)


def test_what_is_not_there_is_named(tmp_path):
    for read in (read_table, read_json, read_sealed):
        with pytest.raises(InputError, match=r"t: cannot be read \(No such file"):
            read(tmp_path / "t")


@pytest.mark.parametrize("content", ["{", "1", "{}", "[1]", '{"sha256": 1}'])
def test_a_damaged_json_file_is_named(tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(InputError, match=r"t\.json: damaged"):
        read_json(tmp_path / "t.json")
