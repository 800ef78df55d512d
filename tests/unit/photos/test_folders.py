"""Names in a table that are no paths of files: the file is found if only one can be meant, and else named."""

import pytest
from PIL import Image

from stylevote.errors import InputError
from stylevote.photos.folders import Folder, find_files, list_folder, nearest_file, photos_without_file
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.table_reader import Entry

FILES = [
    "0007.jpg",
    "0012.JPG",
    "IMG_1.JPG",
    "a/deep.png",
    "a/twin.jpg",
    "b/twin.jpg",
    "12.png",
    "x.v2.webp",
    "notes.txt",
]


def found(name, root, files=FILES, others=()):
    entries = [Entry(2, each, b"") for each in (name, *others)]
    return find_files(entries, Folder(root, list(files)))[0]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("7", "0007.jpg"),
        ("007.png", "0007.jpg"),
        ("7.jpg", "0007.jpg"),
        ("0007.png", "0007.jpg"),
        ("img_1.jpg", "IMG_1.JPG"),
        ("img_1", "IMG_1.JPG"),
        ("deep.png", "a/deep.png"),
        ("DEEP", "a/deep.png"),
        ("deep.jpeg", "a/deep.png"),
        ("photos/0007.jpg", "0007.jpg"),
        ("photos/a/deep", "a/deep.png"),
        ("photos\\a\\deep.jpg", "a/deep.png"),
        ("{root}/a/deep.png", "a/deep.png"),
        ("{root}/A/Deep.jpg", "a/deep.png"),
        ("X.V2", "x.v2.webp"),
    ],
)
def test_names_that_differ_a_little_are_found(tmp_path, name, file):
    assert found(name.format(root=tmp_path / "photos"), tmp_path / "photos") == [file]


def test_names_that_may_mean_several_files_or_none(tmp_path):
    root = tmp_path / "photos"
    assert found("twin.jpg", root) == ["a/twin.jpg", "b/twin.jpg"]
    assert found("12", root) == ["12.png"]  # its own name, and no number that lost zeros
    assert found("012", root) == ["0012.JPG", "12.png"]
    for name in ("8", "notes", "c/deep.png", "0007.jpg.txt", "/elsewhere/0007.jpg", ""):
        assert found(name, root) == []


def test_a_file_that_is_the_photo_of_another_row_is_not_taken(tmp_path):
    assert found("7", tmp_path, others=["0007.jpg"]) == []
    assert found("0007.png", tmp_path, others=["0007.jpg"]) == []
    assert found("7.png", tmp_path, others=["8"]) == ["0007.jpg"]


def test_a_name_may_begin_with_the_folders_name_and_those_above_it(tmp_path):
    for start in (tmp_path.name, f"{tmp_path.parent.name}/{tmp_path.name}", f".{tmp_path}"):
        assert found(f"{start}/sub/x.jpg", tmp_path, files=["sub/x.jpg", "x.jpg"]) == ["sub/x.jpg"]


def test_downloads_go_by_exact_names(tmp_path):
    entries = [Entry(2, name, b"") for name in ("7", "0007", "a/deep.png", "deep.png")]
    assert [entry.name for entry in photos_without_file(entries, FILES)] == ["7", "deep.png"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("c/deep.png", "'a/deep.png', which differs in its folder"),
        ("c/deep.jpg", "'a/deep.png', which differs in its folder and suffix"),
        ("IMG_2.JPG", "'IMG_1.JPG', which differs in its name"),
        ("c/img_1.JPG", "'IMG_1.JPG', which differs in its folder"),
        ("other/b/same.jpg", "'b/same.jpg', which differs in its folder"),
    ],
)
def test_the_nearest_file_is_named_with_what_differs(tmp_path, name, said):
    files = [*FILES, "a/same.jpg", "b/same.jpg", "d/same.jpg"]
    assert nearest_file(Folder(tmp_path, files), name) == f"; the nearest is {said}"


def test_many_names_without_a_file_are_one_problem(tmp_path):
    from stylevote.config.label_table import LabelTable

    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    for number in range(3):
        Image.effect_noise((40, 40), 90 + number).save(photos / "sub" / f"{number}.jpg")
    rows = "".join(f"other/{k}.jpg\n" for k in range(20_000))
    (tmp_path / "t.csv").write_text(f"image\n{rows}sub/9.gif\n")
    with pytest.raises(InputError) as caught:
        ingest_photos(photos, LabelTable(file=str(tmp_path / "t.csv")), [], photoset="test")
    title, line = str(caught.value).splitlines()
    assert title == "1 problem in photoset test:"
    assert line.endswith(
        f"row 2: 'other/0.jpg': no such file in {photos}; the nearest is 'sub/0.jpg', which differs in its folder;"
        " and 20000 more like this, in rows 3, 4, 5, 6, ..."
    )


def test_links_to_files_elsewhere_count_if_the_configuration_says_so(tmp_path):
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    photos.mkdir()
    elsewhere.mkdir()
    Image.effect_noise((40, 40), 90).save(elsewhere / "secret.jpg")
    (photos / "link.jpg").symlink_to(elsewhere / "secret.jpg")
    (photos / "gone.jpg").symlink_to(elsewhere / "gone.jpg")
    assert list_folder(photos).files == []
    folder = list_folder(photos, "anywhere")
    assert (folder.files, folder.outside) == (["link.jpg"], {"gone.jpg"})
    (photos / "gone.jpg").unlink()
    manifest, *_ = ingest_photos(photos, None, [], photoset="test", links="anywhere")
    assert manifest["path"].tolist() == ["link.jpg"]
    with pytest.raises(InputError, match="a symbolic link that leads outside the folder"):
        ingest_photos(photos, None, [], photoset="test")
