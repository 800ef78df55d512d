"""A web server on this host that gives photos, and misbehaves in every way that servers do."""

import io
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

Answer = Callable[[BaseHTTPRequestHandler], None]


class PhotoServer(ThreadingHTTPServer):
    """Answers each path as `answers` says: the first answer once, and so on; the last one stays.

    ``asked``: the paths that were asked for, in order; ``headers``: what came with the last one.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.over = threading.Event()
        self.host = f"127.0.0.1:{self.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def give(self, path: str, *answers: Answer) -> str:
        """Answer a path so; return its URL."""
        self.answers[path] = list(answers)
        return self.url(path)

    def asked_since(self) -> list[str]:
        """Return what was asked for since the last time, sorted."""
        asked, self.asked = sorted(self.asked), []
        return asked

    def handle_error(self, request, client_address) -> None:
        """A client that has had enough is no error."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: PhotoServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers = dict(self.headers)
        answers = self.server.answers.get(self.path) or [status(404)]
        with suppress(OSError):
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)
        self.close_connection = True

    def log_message(self, *_) -> None:
        """Say nothing."""


def photo(seed: int, kind: str = "JPEG", size: tuple[int, int] = (48, 64)) -> bytes:
    """Return a photo of coloured blotches that differs from that of any other seed, as bytes of a file."""
    blotches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC).save(file, kind)
    return file.getvalue()


def body(data: bytes, kind: str = "image/jpeg", length: int | None = -1) -> Answer:
    """Give this; ``length``: what it says the length is, by default the right one, or nothing."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        if length is not None:
            handler.send_header("Content-Length", str(len(data) if length < 0 else length))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def status(code: int, **headers: str) -> Answer:
    """Give a status and headers, and a page that nobody wants."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"<html>sorry</html>")

    return answer


def redirect(location: str) -> Answer:
    return status(302, Location=location)


def raw(*parts: bytes) -> Answer:
    """Write these bytes in the place of an answer, and end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)

    return answer


def drip(*parts: bytes, then: bytes = b"") -> Answer:
    """Write these bytes, and then nothing, or ``then`` again and again, twenty times a second."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
        while not handler.server.over.wait(0.05):
            handler.wfile.write(then)

    return answer


def endless(*parts: bytes, then: bytes) -> Answer:
    """Write these bytes, and then others as fast as they are taken."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
        while not handler.server.over.is_set():
            handler.wfile.write(then)

    return answer
