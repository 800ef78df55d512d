"""Downloads: which photos are there afterwards, what is said of the others, and what is asked for the next time."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from photo_server import PhotoServer, body, drip, photo, raw, redirect, status
from programs import ENVIRONMENT, PROGRAMS
from stylevote.config.photos import Downloads
from stylevote.errors import InputError
from stylevote.files.tables import read_table
from stylevote.photos import downloads
from stylevote.photos.downloads import MAX_FAILURES, MAX_PAUSE, download_photos
from stylevote.photos.table_reader import Entry

PROGRAM = PROGRAMS / "photos" / "download_photos.py"


@pytest.fixture
def server():
    with PhotoServer() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch):
    """Nobody waits; the pauses that were wanted."""
    wanted = []
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: wanted.append(seconds) if seconds else None)
    return wanted


def download(server, folder, urls, *, attempts=3, pause=0.0, seconds=20.0, megabytes=0.1, parallel=4):
    """Download photos by name and URL; return what is wrong with each that did not come, and the hosts given up."""
    entries = [Entry(row, name, b"", url=url) for row, (name, url) in enumerate(urls.items(), 2)]
    limits = {"seconds": seconds, "megabytes": megabytes, "internal": [server.host], "parallel": parallel}
    failures, not_asked = download_photos(entries, folder, Downloads(attempts=attempts, pause=pause, **limits))
    assert failures["url"].tolist() == [urls[name] for name in failures["image_id"]]
    assert failures["row"].tolist() == [2 + list(urls).index(name) for name in failures["image_id"]]
    return dict(zip(failures["image_id"], failures["problem"], strict=True)), not_asked


def files(folder):
    """What is in the folder, hidden files too, by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bomb():
    """A PNG of 81 million pixels in 80 kB."""
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    return file.getvalue()


def test_photos_are_called_as_in_the_table_with_the_suffix_of_what_they_are(server, tmp_path):
    given = {
        "17": ("JPEG", "17.jpg"),
        "18": ("PNG", "18.png"),
        "look.v2": ("WEBP", "look.v2.webp"),
        "a.png": ("JPEG", "a.png"),
        "B.JPG": ("JPEG", "B.JPG"),
        "women/1": ("GIF", "women/1.gif"),
        "men\\1": ("BMP", "men/1.bmp"),
        "größe": ("TIFF", "größe.tif"),
        "-rf *;$(x)": ("JPEG", "-rf *;$(x).jpg"),
    }
    made = {name: photo(k, kind) for k, (name, (kind, _)) in enumerate(given.items())}
    urls = {name: server.give(f"/{k}", body(data)) for k, (name, data) in enumerate(made.items())}
    assert download(server, tmp_path / "new" / "photos", urls) == ({}, {})
    assert files(tmp_path / "new" / "photos") == {path: made[name] for name, (_, path) in given.items()}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (body(b"<!doctype html><html>Please log in</html>"), "no photo that can be used: unreadable"),
        (body(b"just words"), "no photo that can be used: unreadable"),
        (body(b""), "no photo that can be used: unreadable"),
        (body(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "no photo that can be used: unreadable"),
        (body(photo(1)[:-300]), "no photo that can be used: truncated or damaged"),
        (body(b"just words", length=None), "no photo that can be used: unreadable"),
        (body(bomb()), "no photo that can be used: oversized: 9000 x 9000 pixels"),
        (body(photo(1) + bytes(100_000)), "more than 0.1 MB"),
        (status(404), "404 Not Found"),
        (status(410), "410 Gone"),
        (redirect("file:///etc/passwd"), "redirected: 'file:///etc/passwd': expected a URL that begins with http"),
        (redirect("http://10.0.0.1/"), "10.0.0.1 is not on the public internet"),
    ],
)
def test_what_is_no_photo_is_named_and_leaves_nothing(server, tmp_path, answer, reason):
    problems, _ = download(
        server, tmp_path, {"1": server.give("/1.jpg", answer), "2": server.give("/2", body(photo(2)))}
    )
    assert list(problems) == ["1"]
    assert problems["1"].startswith(reason)
    assert server.asked_since() == ["/1.jpg", "/2"]
    assert files(tmp_path) == {"2.jpg": photo(2)}


def test_what_may_pass_is_asked_for_again(server, tmp_path, pauses):
    urls = {
        "1": server.give("/1", status(500), status(503), body(photo(1))),
        "2": server.give("/2", body(photo(2)[:50], length=len(photo(2))), body(photo(2))),
        "3": server.give("/3", raw(), body(photo(3))),
        "4": server.give("/4", status(502)),
        "5": server.give("/5", body(b"12345", length=10)),
        "6": server.give("/6", body(photo(6)[:-300], length=None), body(photo(6), length=None)),
    }
    problems, _ = download(server, tmp_path, urls)
    assert problems == {"4": "502 Bad Gateway (3 attempts)", "5": "truncated: 5 of 10 bytes (3 attempts)"}
    assert files(tmp_path) == {f"{k}.jpg": photo(k) for k in (1, 2, 3, 6)}
    assert server.asked_since() == [f"/{k}" for k, times in enumerate((3, 2, 2, 3, 3, 2), 1) for _ in range(times)]


def test_a_server_that_stalls_is_asked_again(server, tmp_path):
    data = photo(1)
    url = server.give("/1", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", data[:99]), body(data))
    assert download(server, tmp_path, {"1": url}, seconds=0.4) == ({}, {})
    assert files(tmp_path) == {"1.jpg": data}


def test_pauses_double_and_are_not_the_same_for_all(server, tmp_path, pauses):
    url = server.give("/1", status(500))
    download(server, tmp_path, {"1": url}, attempts=13, pause=1.0)
    assert len(pauses) == 12
    for k, waited in enumerate(pauses):
        assert 0.5 * min(2**k, MAX_PAUSE) <= waited <= 1.5 * min(2**k, MAX_PAUSE)
    first = list(pauses)
    pauses.clear()
    download(server, tmp_path, {"1": url}, attempts=13, pause=1.0)
    assert pauses != first


def test_a_host_is_left_alone_as_long_as_it_asks(server, tmp_path, pauses):
    url = server.give("/1", status(429, Retry_After="100"), body(photo(1)))
    later = server.give("/2", body(photo(2)))
    assert download(server, tmp_path, {"1": url, "2": later}, parallel=1) == ({}, {})
    # Nobody waited, so that the second photo finds the host's wish as well.
    assert [round(pause) for pause in pauses] == [100, 100]
    assert files(tmp_path) == {"1.jpg": photo(1), "2.jpg": photo(2)}


def test_a_host_that_asks_for_a_day_is_not_asked_again(server, tmp_path, pauses):
    url = server.give("/1", status(429, Retry_After="86400"))
    problems, _ = download(server, tmp_path, {"1": url})
    assert problems == {"1": "429 Too Many Requests, and asks to wait 86400 s (1 attempt)"}
    assert server.asked == ["/1"]
    assert pauses == []


def test_a_host_out_of_order_is_left_alone_and_others_are_not(server, tmp_path, pauses):
    with PhotoServer() as other:
        urls = {f"bad{k}": server.give(f"/{k}", status(503)) for k in range(30)}
        # The same host by another name is another host.
        urls |= {f"good{k}": other.give(f"/{k}", body(photo(k))) for k in range(3)}
        entries = [Entry(0, name, b"", url=url.replace("127.0.0.1", "localhost")) for name, url in urls.items()]
        for entry in entries[30:]:
            entry.url = urls[entry.name]
        settings = Downloads(attempts=2, pause=0, internal=["127.0.0.1", "localhost"], parallel=1)
        table, not_asked = download_photos(entries, tmp_path, settings)
    assert table["image_id"].tolist() == [f"bad{k}" for k in range(MAX_FAILURES)]
    assert not_asked == {"localhost": 30 - MAX_FAILURES}
    assert len(server.asked) == 2 * MAX_FAILURES
    assert sorted(files(tmp_path)) == ["good0.jpg", "good1.jpg", "good2.jpg"]


def test_missing_photos_are_no_sign_of_a_host_out_of_order(server, tmp_path):
    urls = {str(k): server.give(f"/{k}", status(404)) for k in range(2 * MAX_FAILURES)}
    problems, not_asked = download(server, tmp_path, urls, parallel=1)
    assert len(problems) == 2 * MAX_FAILURES
    assert not_asked == {}


def test_names_that_no_photo_can_have(server, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "out").symlink_to("../elsewhere")
    (folder / "file").write_bytes(b"mine")
    (folder / "7.jpg").mkdir()
    url = server.give("/1", body(photo(1)))
    names = [".hidden", "a/.b/c", ".", "out/1", "n" * 300, "file/1", "7", "nul\0"]
    problems, _ = download(server, folder, dict.fromkeys(names, url))
    assert list(problems) == names
    assert files(folder) == {"file": b"mine"}
    assert files(tmp_path / "elsewhere") == {}


def test_two_names_of_one_file(server, tmp_path):
    urls = {"1": server.give("/1", body(photo(1))), "1.jpg": server.give("/2", body(photo(2)))}
    problems, _ = download(server, tmp_path, urls, parallel=1)
    assert problems == {"1.jpg": "'1.jpg' exists already: another row has the same name, or it is no photo"}
    assert files(tmp_path) == {"1.jpg": photo(1)}


def test_photos_without_a_url(server, tmp_path):
    urls = {"1": "", "2": "photos/2.jpg", "3": "file:///etc/passwd", "4": "http://127.0.0.1:1/4"}
    problems, _ = download(server, tmp_path, urls)
    assert [problems[name].partition(";")[0] for name in urls] == [
        "the table has no URL for it",
        "'photos/2.jpg': expected a URL that begins with http:// or https://",
        "'file:///etc/passwd': expected a URL that begins with http:// or https://",
        "127.0.0.1 is not on the public internet (127.0.0.1)",
    ]


def test_a_folder_that_cannot_be_written_to_ends_it(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    urls = {str(k): server.give(f"/{k}", body(photo(k))) for k in range(50)}
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="cannot be written: the disk is full"):
        download(server, tmp_path, urls, parallel=1)
    assert len(server.asked) < 50
    assert files(tmp_path) == {}


# ---- the program


class Program:
    """The program, with a table of the server's photos 0 to 4."""

    def __init__(self, server, tmp_path):
        self.server, self.folder, self.failures = server, tmp_path / "photos", tmp_path / "failed.parquet"
        self.table = tmp_path / "test.csv"
        rows = [f"{k},{server.give(f'/{k}.jpg', body(photo(k)))}" for k in range(5)]
        self.table.write_text("\n".join(rows))
        downloads = {"parallel": 1, "attempts": 1, "pause": 0, "seconds": 20, "megabytes": 1, "internal": [server.host]}
        self.settings = {"photoset": "test", "labels": ["sport"], "downloads": downloads}

    def start(self, on_bad_photo="fail"):
        command = [sys.executable, PROGRAM, "--photos", self.folder, "--table", self.table, "--failures", self.failures]
        command += ["--settings", json.dumps(self.settings), "--on-bad-photo", on_bad_photo]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, **pipes, env=ENVIRONMENT)

    def run(self, on_bad_photo="fail"):
        """Run it to its end; return its exit status, and what it printed."""
        program = self.start(on_bad_photo)
        printed = program.communicate()[0]
        return program.returncode, printed


@pytest.fixture
def program(server, tmp_path):
    return Program(server, tmp_path)


def test_all_failures_are_told_at_once_and_only_these_are_asked_for_again(program, server):
    server.give("/1.jpg", status(404))
    server.give("/3.jpg", body(b"<html>"))
    returncode, printed = program.run()
    assert returncode == 1
    assert "2 photos of photoset test could not be downloaded" in printed
    assert f"{program.table}, row 2: '1': 404 Not Found" in printed
    assert f"{program.table}, row 4: '3': no photo that can be used" in printed
    assert "Traceback" not in printed
    failures = read_table(program.failures)
    assert failures["image_id"].tolist() == ["1", "3"]
    assert failures["url"].tolist() == [server.url("/1.jpg"), server.url("/3.jpg")]
    assert failures["row"].tolist() == [2, 4]
    assert server.asked_since() == [f"/{k}.jpg" for k in range(5)]

    server.give("/1.jpg", body(photo(1)))
    returncode, printed = program.run()
    assert returncode == 1
    assert server.asked_since() == ["/1.jpg", "/3.jpg"]
    assert read_table(program.failures)["image_id"].tolist() == ["3"]

    assert program.run("skip")[0] == 0
    assert server.asked_since() == ["/3.jpg"]
    server.give("/3.jpg", body(photo(3)))
    assert program.run()[0] == 0
    assert read_table(program.failures).empty
    server.asked_since()
    assert program.run()[0] == 0
    assert server.asked_since() == []
    assert files(program.folder) == {f"{k}.jpg": photo(k) for k in range(5)}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_download_that_is_stopped_loses_nothing(program, server, how):
    started = program.start()
    server.give("/2.jpg", lambda handler: (os.kill(started.pid, how), handler.server.over.wait(20)))
    printed = started.communicate(timeout=60)[0]
    assert started.returncode == -how
    assert "Traceback" not in printed
    assert files(program.folder) == {f"{k}.jpg": photo(k) for k in range(2)}
    server.asked_since()
    server.give("/2.jpg", body(photo(2)))
    assert program.run()[0] == 0
    assert server.asked_since() == ["/2.jpg", "/3.jpg", "/4.jpg"]
    assert files(program.folder) == {f"{k}.jpg": photo(k) for k in range(5)}


def test_photos_that_are_there_are_taken_however_they_came(program, server):
    program.folder.mkdir()
    (program.folder / "0.png").write_bytes(photo(0, "PNG"))
    (program.folder / "new").mkdir()
    (program.folder / "new" / "3.jpg").write_bytes(photo(3))
    (program.folder / "1.txt").write_text("no photo")
    (program.folder / ".2.jpg.partial").write_bytes(photo(2)[:20])
    assert program.run()[0] == 0
    assert server.asked_since() == ["/1.jpg", "/2.jpg", "/4.jpg"]


def test_a_host_out_of_order_ends_it_even_where_photos_may_be_left_out(program, server):
    rows = [f"{k},{server.give(f'/{k}.jpg', status(503))}" for k in range(MAX_FAILURES + 5)]
    program.table.write_text("\n".join(rows))
    returncode, printed = program.run("skip")
    assert returncode == 1
    assert "127.0.0.1: 5 photos not requested" in printed
    assert len(read_table(program.failures)) == MAX_FAILURES


def test_a_photo_whose_url_ends_like_another_ones_name_is_fetched(program, server):
    rows = [f"1,{server.give('/a/2.jpg', body(photo(1)))}", f"2,{server.give('/b/9.jpg', body(photo(2)))}"]
    program.table.write_text("\n".join(rows))
    server.give("/a/2.jpg", status(404))
    assert program.run()[0] == 1
    server.give("/a/2.jpg", body(photo(1)))
    assert program.run()[0] == 0
    assert files(program.folder) == {"1.jpg": photo(1), "2.jpg": photo(2)}


def test_a_table_with_a_header_has_its_urls_anywhere(program, server):
    program.table.write_text(f"image,sport,url\n1.jpg,0,{server.url('/1.jpg')}\n")
    assert program.run()[0] == 0
    program.table.write_text(f"image,url,sport\n2.jpg,{server.url('/2.jpg')},1\n")
    assert program.run()[0] == 0
    assert files(program.folder) == {"1.jpg": photo(1), "2.jpg": photo(2)}


def test_a_table_that_leads_outside_fetches_nothing(program, server):
    program.table.write_text(f"../../1,{server.url('/1.jpg')}\n")
    returncode, printed = program.run("skip")
    assert returncode == 1
    assert "leads outside the folder" in printed
    assert server.asked == []
