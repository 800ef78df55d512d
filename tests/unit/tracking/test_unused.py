"""Unused files are listed, and only listed files are removed."""

import os

import pytest

from stylevote.errors import InputError
from stylevote.files.tables import read_json
from stylevote.tracking.unused import list_unused, paths_within, remove_unused, sort_files

USED = [r"runs/new/fold[01]/history\.parquet", r"runs/new/fold[01]/weights", r"logs/new\.log", r"unused\.json"]
MADE = [r"runs/[a-z]+/fold\d+/history\.parquet", r"runs/[a-z]+/fold\d+/weights", r"logs/[a-z]+\.log"]


def put(root, *paths, size=10):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(bytes(size))


def kinds(root, **more):
    files = sort_files(root, USED, MADE, **more)
    return {path: kind for kind, paths in files._asdict().items() for path in paths}


def everything(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def listed(root):
    return list_unused(root, sort_files(root, USED, MADE))


def removed(root):
    return remove_unused(root, sort_files(root, USED, MADE))


def test_paths_decide_the_kind_of_files(tmp_path):
    put(
        tmp_path,
        *("runs/new/fold0/history.parquet", "runs/new/fold1/weights/epoch0.safetensors", "logs/new.log"),
        *("runs/new/fold2/history.parquet", "runs/old/fold0/weights/.stamp", "runs/old/fold0/weights/deep/er"),
        *("runs/new/fold0/notes.txt", "runs/old/notes.txt", "logs/OLD.log", "xlogs/old.log", "logs/old.log.gz"),
        *(".gitkeep", "runs/new/.DS_Store"),
    )
    assert kinds(tmp_path) == {
        "runs/new/fold0/history.parquet": "used",
        "runs/new/fold1/weights/epoch0.safetensors": "used",
        "logs/new.log": "used",
        "runs/new/fold2/history.parquet": "unused",
        "runs/old/fold0/weights/.stamp": "unused",
        "runs/old/fold0/weights/deep/er": "unused",
        "runs/new/fold0/notes.txt": "unknown",
        "runs/old/notes.txt": "unknown",
        "logs/OLD.log": "unknown",
        "xlogs/old.log": "unknown",
        "logs/old.log.gz": "unknown",
    }


def test_temporary_files_go_with_their_final_names(tmp_path):
    half = ".history.parquet.0123abcd-77.partial"
    put(tmp_path, f"runs/new/fold0/{half}", f"runs/old/fold0/{half}", ".x.0123abcd-7.partial")
    assert kinds(tmp_path) == {
        f"runs/new/fold0/{half}": "used",
        f"runs/old/fold0/{half}": "unused",
    }


def test_paths_in_the_configuration_are_used(tmp_path):
    put(tmp_path, "runs/old/fold0/weights/epoch0", "runs/old/fold0/weights/epoch1", "runs/old/fold1/history.parquet")
    assert kinds(tmp_path, named=["runs/old/fold0/weights/epoch1", "runs/old/fold1"]) == {
        "runs/old/fold0/weights/epoch0": "unused",
        "runs/old/fold0/weights/epoch1": "used",
        "runs/old/fold1/history.parquet": "used",
    }


def test_names_in_a_configuration_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "out/mine/fold0/validation.parquet", "out/photos/a.jpg", "elsewhere/b.jpg", "far/c")
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "linked").symlink_to(tmp_path / "out" / "photos")
    values = {
        "results": "out",
        "members": {"external": ["out/mine", str(tmp_path / "out" / "photos" / "a.jpg"), "out/gone"]},
        "photosets": {"train": {"photos": "out/link", "labels": None}, "test": {"photos": "elsewhere"}},
        "more": ["linked", "far/../out/../far", 3, "out/../outside"],
    }
    assert paths_within(tmp_path / "out", values) == ["link", "mine", "photos", "photos/a.jpg"]


def test_a_list_has_folders_sizes_and_files_that_no_rule_makes(tmp_path):
    put(tmp_path, "runs/old/fold0/history.parquet", "runs/old/fold1/weights/epoch0", size=1_500_000)
    put(tmp_path, "runs/elder/fold0/weights/a", "runs/elder/fold0/weights/b", "runs/elder/notes.txt", "logs/old.log")
    put(tmp_path, "mine/one/a", "mine/one/b", "logs/new.log", "runs/new/fold0/weights/epoch0")
    assert listed(tmp_path).splitlines() == [
        f"{tmp_path}: 5 files, 3.0 MB no longer used by this configuration",
        "        10 B  logs/old.log",
        "        20 B  runs/elder/fold0/",
        "      3.0 MB  runs/old/",
        "to remove them, run the target remove_unused with the same configuration",
        "",
        "3 files, 30 B that no rule makes; they are never removed",
        "        20 B  mine/one/",
        "        10 B  runs/elder/notes.txt",
    ]


def test_listed_files_are_removed_and_no_others(tmp_path):
    put(tmp_path, "runs/new/fold0/history.parquet", "runs/elder/notes.txt", "logs/new.log")
    before = everything(tmp_path)
    put(tmp_path, "runs/elder/fold0/weights/a", "runs/old/fold0/weights/b", "runs/old/fold1/history.parquet")
    (tmp_path / "runs" / "old" / "fold2" / "weights").mkdir(parents=True)
    listed(tmp_path)
    assert read_json(tmp_path / "unused.json") == {
        "runs/elder/fold0/weights/a": 10,
        "runs/old/fold0/weights/b": 10,
        "runs/old/fold1/history.parquet": 10,
        "runs/old/fold2/weights/": 0,
    }
    assert removed(tmp_path) == f"{tmp_path}: removed 4 files, 30 B"
    assert everything(tmp_path) == before
    with pytest.raises(InputError, match="run the target unused first"):
        removed(tmp_path)


def test_a_changed_list_removes_nothing(tmp_path):
    put(tmp_path, "runs/old/fold0/history.parquet")
    with pytest.raises(InputError, match=r"unused\.json: not found"):
        removed(tmp_path)
    listed(tmp_path)
    put(tmp_path, "runs/elder/fold0/history.parquet")
    before = everything(tmp_path)
    with pytest.raises(InputError, match=r"now unused are 2 files, 20 B"):
        removed(tmp_path)
    with pytest.raises(InputError, match=r"now unused are 0 files, 0 B"):  # by another configuration
        remove_unused(tmp_path, sort_files(tmp_path, MADE, MADE))
    (tmp_path / "unused.json").write_text("?\n")
    with pytest.raises(InputError, match="damaged"):
        removed(tmp_path)
    assert everything(tmp_path) == before


def test_links_are_removed_and_their_targets_stay(tmp_path):
    root, outside = tmp_path / "out", tmp_path / "outside"
    put(outside, "weights/epoch0", "fold0/history.parquet")
    put(root, "runs/old/fold1/weights/epoch1")
    (root / "runs" / "old" / "fold0").mkdir()
    (root / "runs" / "old" / "fold0" / "weights").symlink_to(outside / "weights")
    (root / "runs" / "old" / "fold1" / "weights" / "epoch0").symlink_to(outside / "weights" / "epoch0")
    (root / "runs" / "elder").symlink_to(outside)
    (root / "runs" / "old" / "fold1" / "weights" / "around").symlink_to(root)
    assert kinds(root) == {
        "runs/elder": "unknown",
        "runs/old/fold0/weights": "unused",
        **{f"runs/old/fold1/weights/{name}": "unused" for name in ("around", "epoch0", "epoch1")},
    }
    listed(root)
    removed(root)
    assert everything(root) == {"runs", "runs/elder"}
    assert everything(outside) == {"weights", "weights/epoch0", "fold0", "fold0/history.parquet"}


def test_names_of_any_bytes(tmp_path):
    names = [os.fsdecode(name) for name in (b"\xff\tx", b"line\nbreak", b'quo"te')]
    put(tmp_path, *(f"runs/old/fold0/weights/{name}" for name in names), os.fsdecode(b"\xffnote\n"))
    text = listed(tmp_path)
    assert text.splitlines()[-1].endswith("  ?note?")
    text.encode()
    assert removed(tmp_path) == f"{tmp_path}: removed 3 files, 30 B"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_folder_is_empty(tmp_path):
    assert kinds(tmp_path / "none") == {}
