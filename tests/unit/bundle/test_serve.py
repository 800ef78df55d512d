"""The page to try a bundle, as a program and as a browser meet it: what it says, what it refuses, what it leaves."""

import html
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from starlette.datastructures import Headers

from browser import CHROMIUM, Browser
from photo_server import PhotoServer, body
from places import REPOSITORY
from stylevote.bundle import serve
from stylevote.bundle.contents import open_bundle
from stylevote.bundle.decide import decide
from stylevote.bundle.guard import refusal
from stylevote.bundle.serve import answer_uploads, serving
from stylevote.errors import InputError
from unit.bundles import LABELS, draw_photos

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning:gradio")
MAX_BYTES, MAX_PHOTOS = 300_000, 3  # here, so that what is too large and too many is soon sent


@pytest.fixture(scope="module")
def page(made):
    """The address of a page that is served, and the folder of what is sent to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "MAX_BYTES", MAX_BYTES)
        patch.setattr(serve, "MAX_REQUEST_BYTES", 2 * MAX_BYTES)
        patch.setattr(serve, "MAX_PHOTOS", MAX_PHOTOS)
        patch.setattr(serve, "CLEANING_INTERVAL", 0.1)
        with serving(open_bundle(made)) as address:
            folder = Path(os.environ["GRADIO_TEMP_DIR"])
            yield address, folder
        assert not folder.exists()


@pytest.fixture(scope="module")
def ask(page):
    """Send files to the page, and return its answer as HTML. Nothing that was sent may then lie anywhere."""
    address, folder = page
    client = Client(address, verbose=False, download_files=False)

    def predict(*paths: Path) -> str:
        answer, left = client.predict([handle_file(path) for path in paths], api_name="/decide")
        assert not left
        assert contents(folder) == []
        return answer

    return predict


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos") / "photos", MAX_PHOTOS + 1)


def contents(folder: Path) -> list[Path]:
    """Return the files that hold anything."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def scores(answer: str) -> dict[str, list[tuple[str, float, str]]]:
    """Read an answer: of each photo, its labels with their scores, and whether they are assigned."""
    found = {}
    for article in re.findall(r"<article>.*?</article>", answer, re.DOTALL):
        name = html.unescape(re.search(r"<h3>(.*?)</h3>", article)[1])
        lines = re.findall(
            r"<li.*?><span>(.*?)</span>.*?verdict\">(.*?)</span>.*?(\d\.\d+) \(threshold", article, re.DOTALL
        )
        found[name] = sorted((html.unescape(label), float(score), verdict) for label, verdict, score in lines)
    return found


def bomb() -> bytes:
    """Return a PNG of a few bytes that stands for 3.6 gigabytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 40_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_photos_are_decided_as_they_are_without_the_page(ask, made, photos):
    table = decide(open_bundle(made), photos)
    found = scores(ask(photos / "1.png", photos / "2.png"))
    assert list(found) == ["1.png", "2.png"]
    for name, labels in found.items():
        rows = table[table["image_id"] == name].sort_values("label")
        verdicts = (
            rows["decision"]
            .where(rows["abstain"] == 0, 2)
            .map(["not assigned", "assigned", "assigned, uncertain"].__getitem__)
        )
        expected = zip(rows["label"], rows["score"].round(3), verdicts, strict=True)
        assert labels == [(label, pytest.approx(score, abs=0.0011), verdict) for label, score, verdict in expected]


def test_a_photo_comes_with_where_a_network_looks_and_no_label_becomes_markup(ask, photos):
    answer = ask(photos / "0.png")
    assert re.search(r'<img src="data:image/webp;base64,[\w+/=]+" alt="where a network looks for ', answer)
    assert LABELS[1] in html.unescape(answer) and LABELS[1] not in answer
    assert not re.search(r'(src|href)="(?!data:)', answer)


def test_programs_get_the_decisions_as_data(page, made, photos, tmp_path):
    address, folder = page
    (tmp_path / "notes.jpg").write_text("no photo")
    paths = [*sorted(photos.iterdir())[:2], tmp_path / "notes.jpg"]
    client = Client(address, verbose=False, download_files=False)
    answer, left = client.predict([handle_file(path) for path in paths], api_name="/decide_json")
    assert not left
    assert contents(folder) == []
    assert [(refused["photo"], bool(refused["reason"])) for refused in answer["refused"]] == [("notes.jpg", True)]
    expected = decide(open_bundle(made), photos).set_index(["image_id", "label"])
    assert [found["photo"] for found in answer["photos"]] == [path.name for path in paths[:2]]
    for found in answer["photos"]:
        rows = expected.loc[found["photo"]]
        assert list(found["scores"]) == LABELS
        assert found["labels"] == [label for label in LABELS if rows.loc[label, "decision"]]
        for label, values in found["scores"].items():
            assert values == pytest.approx(rows.loc[label].to_dict(), abs=1e-6)


@pytest.mark.parametrize(
    ("own", "public", "host", "origin", "accepted"),
    [
        ("127.0.0.1", "", "localhost:7860", "http://localhost:7860", True),
        ("127.0.0.1", "", "10.0.0.5:7860", "", False),
        ("127.0.0.1", "", "photos.example", "", False),
        ("127.0.0.1", "photos.example", "photos.example", "https://photos.example", True),
        ("127.0.0.1", "photos.example", "127.0.0.1:7860", "https://photos.example", True),  # the proxy wrote its own
        ("127.0.0.1", "photos.example", "127.0.0.1:7860", "https://evil.example", False),
        ("127.0.0.1", "photos.example", "evil.example", "https://evil.example", False),
        ("0.0.0.0", "", "10.0.0.5:7860", "http://10.0.0.5:7860", True),
        ("0.0.0.0", "", "evil.example:7860", "http://evil.example:7860", False),
        ("0.0.0.0", "", "10.0.0.5:7860", "http://evil.example", False),
        ("machine", "", "Machine:7860", "", True),
        ("::", "", "[fd00::1]:7860", "http://[fd00::1]:7860", True),
        ("127.0.0.1", "", "", "", False),
    ],
)
def test_the_page_answers_to_its_own_names(own, public, host, origin, accepted):
    headers = Headers({"host": host, **({"origin": origin} if origin else {})})
    assert (refusal("/", headers, own, public, 1000) is None) == accepted


def test_behind_a_proxy_the_page_names_the_public_path(made):
    with serving(open_bundle(made), root_path="https://photos.example/try") as address:
        config = httpx.get(f"{address}config", headers={"Host": "photos.example"}).json()
        assert config["root"] == "https://photos.example/try"
        assert httpx.get(f"{address}config", headers={"Host": "evil.example"}).status_code == 403
    with serving(open_bundle(made), host="0.0.0.0") as address:
        port = urlsplit(address).port
        assert httpx.get(f"http://127.0.0.2:{port}/config").status_code == 200
    for wrong in ("photos", "ftp://photos.example", "https://me:secret@photos.example", "/a?b", "https://"):
        with (
            pytest.raises(InputError, match=r"--root-path: found .* expected a path"),
            serving(open_bundle(made), root_path=wrong),
        ):
            pass
    with (
        pytest.raises(InputError, match=r"--host: cannot listen on 192.0.2.1"),
        serving(open_bundle(made), host="192.0.2.1"),
    ):
        pass


def test_what_is_no_photo_is_refused_and_the_others_decided(ask, photos, tmp_path):
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "bomb.png").write_bytes(bomb())
    assert len((tmp_path / "bomb.png").read_bytes()) < 200
    answer = ask(tmp_path / "notes.txt", photos / "0.png", tmp_path / "bomb.png")
    assert list(scores(answer)) == ["0.png"]
    assert "<b>notes.txt</b>: unreadable: no photo of a known format" in answer
    assert "<b>bomb.png</b>: oversized" in answer
    assert scores(ask(tmp_path / "notes.txt")) == {}


def test_photos_above_the_number_are_not_decided(ask, photos):
    answer = ask(*sorted(photos.iterdir()))
    assert len(scores(answer)) == MAX_PHOTOS
    assert f"at most {MAX_PHOTOS} photos are decided at a time" in answer


def test_too_many_bytes_are_not_taken(page, tmp_path):
    address, folder = page
    for size in (MAX_BYTES + 1, 2 * MAX_BYTES + 1):  # of one photo; of a request
        answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("large.png", bytes(size))})
        assert answer.status_code == 413
        assert contents(folder) == []
    answer = httpx.post(f"{address}gradio_api/upload", content=iter([b"-"] * 3))
    assert answer.status_code == 411


def test_a_photo_that_nobody_asked_about_is_removed_in_time(page, photos):
    address, folder = page
    answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("sent.png", (photos / "0.png").read_bytes())})
    (path,) = map(Path, answer.json())
    assert path.is_relative_to(folder) and path.is_file()
    long_ago = time.time() - serve.MAX_AGE - 1
    time.sleep(0.5)
    assert path.is_file()
    os.utime(path, (long_ago, long_ago))
    end = time.monotonic() + 60
    while path.parent.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert folder.exists()


def test_nothing_is_fetched_from_elsewhere(page):
    address, folder = page
    with PhotoServer() as elsewhere:
        url = elsewhere.give("/1.png", body(b"secret"))
        answer = httpx.get(f"{address}gradio_api/file={url}")
        assert (answer.status_code, answer.text) == (403, serve.FETCHES_NOTHING)
        with pytest.raises(AppError, match="This page fetches nothing from anywhere"):
            Client(address, verbose=False).predict([handle_file(url)], api_name="/decide")
        assert elsewhere.asked == []
    assert contents(folder) == []


def test_other_sites_and_other_machines_cannot_ask(page):
    address, _ = page
    port = httpx.URL(address).port
    upload = {"files": {"files": ("a.png", b"a")}, "url": f"{address}gradio_api/upload"}
    strange = [{"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Origin": "http://["}]
    for headers in (*strange, {"Host": f"elsewhere.example:{port}"}):
        assert httpx.post(**upload, headers=headers).status_code == 403
        assert httpx.get(address, headers=headers).status_code == 403
    assert httpx.get(address, headers={"Host": f"localhost:{port}"}).status_code == 200
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    hosts = {line[1].split(":")[0] for line in listening if line[1].endswith(f":{port:04X}") and line[3] == "0A"}
    assert hosts == {f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}"}


def test_nothing_is_kept_or_told(page):
    said = httpx.get(f"{page[0]}config").json()
    assert said["analytics_enabled"] is False
    assert said["run_history"] is False


def test_a_port_that_cannot_be_had_is_said(page, made, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(page[1]))  # that of the page that goes on
    port = httpx.URL(page[0]).port
    with pytest.raises(InputError, match=f"--port: cannot listen on {port}"), serving(open_bundle(made), port):
        pass
    with pytest.raises(InputError, match="--port: found 65536, expected 1 to 65535"), serving(open_bundle(made), 2**16):
        pass


def test_a_bundle_that_was_damaged_meanwhile_is_said(made, photos, tmp_path):
    shutil.copytree(made, tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    bundle.networks[0].path.write_bytes(b"damaged")
    (tmp_path / "sent").mkdir()
    sent = shutil.copy(photos / "0.png", tmp_path / "sent")
    answer = answer_uploads(bundle, tmp_path / "sent", [Path(sent)])
    assert "<b>The bundle</b>" in answer and "damaged" in answer
    assert not any((tmp_path / "sent").iterdir())


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "stylevote.bundle.serve")
    with pytest.raises(InputError, match=r"pip install '\.\[serve\]'"):
        import_module("stylevote.bundle.serve")


def test_a_page_that_is_to_decide_on_a_gpu_does_not_start_without_one(made, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device: found cuda, but no GPU can be used here"):
        serve.serve(open_bundle(made), port=None, threads=1, device="cuda", host=serve.ADDRESS, root_path="")


@pytest.mark.slow
def test_the_command_serves_until_it_is_ended_and_leaves_nothing(made, tmp_path):
    command = [sys.executable, "-m", "stylevote", "serve", made]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    # A proxy, at a port where nobody listens: it is not asked.
    environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    environment |= {"NO_PROXY": "", "no_proxy": ""}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/) decides photos; .*\n", process.stderr.readline())[1]
        assert "Stylevote" in httpx.get(address, trust_env=False).text
        assert any(tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
def test_in_a_browser(page, photos, tmp_path):
    address, folder = page
    image = Image.fromarray(np.asarray(Image.open(photos / "0.png")).repeat(20, 0).repeat(20, 1))
    image.save(tmp_path / "photo with a very long name that says everything there is to say about it.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    with Browser(tmp_path / "chromium") as browser:
        for width in (400, 1400):
            for dark in (False, True):
                browser.open(address, width, dark=dark)
                wait_for(browser, "document.querySelector('input[type=file]')")
                root = browser.ask("DOM.getDocument")["root"]["nodeId"]
                field = browser.ask("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
                files = [str(path) for path in tmp_path.iterdir() if path.is_file()]
                browser.ask("DOM.setFileInputFiles", nodeId=field, files=files)
                wait_for(browser, "document.querySelectorAll('.answer article').length")
                assert browser.evaluate("document.querySelectorAll('.answer .refused').length") == 1
                assert LABELS[1] in browser.evaluate("document.querySelector('.answer article').innerText")
                assert browser.evaluate("document.documentElement.scrollWidth") == width
                assert browser.evaluate("[...document.images].filter(e => !e.naturalWidth).length") == 0
                color = browser.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (sum(map(int, re.findall(r"\d+", color)[:3])) < 380) == dark
                # What Gradio itself says when a stream of events ends.
                assert [text for text in browser.errors() if "Method not implemented." not in text] == []
                assert [url for url in browser.requests() if not url.startswith((address, "blob:"))] == []
                assert contents(folder) == []


def wait_for(browser: Browser, condition: str) -> None:
    """Wait until an expression is true on the page."""
    end = time.monotonic() + 60
    while not browser.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, browser.errors()
        time.sleep(0.1)
