"""A page to try a bundle: drop photos, and see what it decides, and where its networks look.

It is for who sits at this machine: it listens on no other address, asks nobody else for anything, and keeps nothing.
"""

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import torch

from stylevote.bundle.contents import Bundle
from stylevote.bundle.decide import MORE_MEMORY, choose_device, decide, load_network
from stylevote.cnn.attention import heat_maps
from stylevote.cnn.batches import PixelCache
from stylevote.errors import InputError
from stylevote.machine.failures import explain_shortages
from stylevote.photos.ingest import examine_photo
from stylevote.photos.pixels import MAX_BYTES, decode_photo, read_bytes, resize_photo
from stylevote.report.answer import STYLE, looked_at, photo_answer, whole_answer

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before it is imported
try:
    import gradio
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as error:
    raise InputError("the page needs a further package: pip install '.[serve]' in Stylevote's folder") from error

logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio asks itself whether it listens

ADDRESS = "127.0.0.1"
HOSTS = (ADDRESS, "localhost")
PHOTOS = 20  # at a time
REQUEST_BYTES = 2 * MAX_BYTES  # of all photos at a time
FORGOTTEN = 600  # seconds after which a photo that somebody sent, and never asked about, is removed
LOOKED_FOR = 60  # seconds between two looks for such photos
LOOKS = 3  # labels of a photo for which it is shown where a network looks
SHOWN = 360  # pixels of the shorter side
# Gradio's page evaluates code of its own; nothing may be fetched from anywhere else, whatever a text in it says.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
FETCHES_NOTHING = "This page fetches nothing from anywhere: send the photo itself."
UPLOADS = "GRADIO_TEMP_DIR"  # the variable that says where Gradio writes what is sent
ASKED = ".asked-"  # what folders begin with whose photos are being decided

PAGE_STYLE = """
.html-container { padding-left: 0 !important; padding-right: 0 !important; }
.gradio-container { max-width: 1120px !important; margin: 0 auto !important; }
.title h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; margin: 12px 0 4px; }
.title p { margin: 0; opacity: 0.75; }
"""


def serve(bundle: Bundle, port: int | None = None, threads: int = 1, device: str = "cpu") -> None:
    """Serve the page until the process is told to end (Ctrl-C, SIGTERM).

    Args:
        bundle: what `stylevote.bundle.contents.open_bundle` returned.
        port: to listen on; None for the first that is free from 7860 on.
        threads: processor threads to use.
        device: see `stylevote.bundle.decide.choose_device`. A GPU would be nobody else's as long as the page is there.

    Raises:
        InputError: the port is taken; the device is not there.
    """
    choose_device(device, threads)  # before the page is there: it may have to wait for a GPU, or there is none
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serving(bundle, port, threads, device) as address:
        logging.info("%s decides photos; Ctrl-C ends it", address)
        ended.wait()


@contextmanager
def serving(bundle: Bundle, port: int | None = None, threads: int = 1, device: str = "cpu") -> Iterator[str]:
    """Serve the page in the background, as `serve` does, and yield its address."""
    if port is not None and not 0 < port < 2**16:
        raise InputError(f"--port: found {port}, expected 1 to {2**16 - 1}")
    with tempfile.TemporaryDirectory(prefix="stylevote-") as folder:
        os.environ[UPLOADS] = folder
        gradio.routes.DEFAULT_TEMP_DIR = folder  # read from the environment when Gradio was imported
        page = make_page(bundle, Path(folder), threads, device)
        ended = threading.Event()
        threading.Thread(target=_forget_in_time, args=(Path(folder), ended), daemon=True).start()
        try:
            yield _launch(page, port)
        finally:
            ended.set()
            page.close(verbose=False)
            del os.environ[UPLOADS]


def _launch(page: gradio.Blocks, port: int | None) -> str:
    """Let the page listen, for this machine alone; return its address."""
    # Gradio asks itself whether it listens: no proxy is to be asked in its place.
    directly = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), *HOSTS]))
    os.environ.update(no_proxy=directly, NO_PROXY=directly)
    # The system's fonts: others would be fetched.
    fonts = {
        name: [gradio.themes.Font(family) for family in families]
        for name, families in (("font", ("system-ui", "sans-serif")), ("font_mono", ("ui-monospace", "monospace")))
    }
    try:
        _, address, _ = page.launch(
            server_name=ADDRESS,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            max_file_size=MAX_BYTES,
            app_kwargs={"middleware": [Middleware(Guard)]},
            theme=gradio.themes.Default(**fonts),
            css=PAGE_STYLE + STYLE,
        )
    except OSError as error:
        where = "7860 and those after it" if port is None else port
        raise InputError(f"--port: cannot listen on {where} of {ADDRESS}; choose another") from error
    except Exception as error:  # Gradio's, httpx's, uvicorn's: the page asks itself, and is not reached
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"the page cannot be reached at {ADDRESS} ({reason})") from error
    return address


class Guard:
    """Lets in what the page itself asks for, and lets the page ask nobody else.

    Other sites' pages could send photos here, too, without being seen: they are refused, also by a name of theirs that
    leads to this address; and so are a body that is too large, or does not say how large, and a path that has Gradio
    fetch something from elsewhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if refused := refusal(scope["path"], Headers(scope=scope)):
            status, words = refused
            return await PlainTextResponse(words, status)(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        return await self.app(scope, receive, send_with_policy)


def refusal(path: str, headers: Headers) -> tuple[int, str] | None:
    """Return with which status, and in which words, a request is refused; None where it is not."""
    if "://" in path:
        return 403, FETCHES_NOTHING
    host, origin, length = (headers.get(name, "") for name in ("host", "origin", "content-length"))
    try:
        of_page = urlsplit(f"//{host}").hostname in HOSTS and (not origin or urlsplit(origin).netloc == host)
    except ValueError:  # it is no address at all
        of_page = False
    if not of_page:
        return 403, "This page answers nobody but itself."
    if "transfer-encoding" in headers or not (length or "0").isdecimal():
        return 411, "The request does not say how large it is."
    if len(length) > len(str(REQUEST_BYTES)) or int(length or 0) > REQUEST_BYTES:
        return 413, f"At most {REQUEST_BYTES // 10**6} MB are accepted at a time."
    return None


def make_page(bundle: Bundle, folder: Path, threads: int, device: str) -> gradio.Blocks:
    """Return the page.

    Args:
        bundle: what decides.
        folder: where what is sent lies until it was looked at, and nothing else.
        threads: processor threads to use.
        device: see `stylevote.bundle.decide.choose_device`.
    """

    def answer(uploads: list[str] | None) -> tuple[str, None]:
        # The list is emptied: what it shows is no longer there.
        return answer_uploads(bundle, folder, [Path(path) for path in uploads or []], threads, device), None

    labels = len(bundle.labels)
    with gradio.Blocks(title="Stylevote", analytics_enabled=False) as page:
        gradio.HTML(
            f'<div class="title"><h1>Stylevote</h1><p>Which of {labels} {"label" if labels == 1 else "labels"} a photo '
            "has. It is decided on this machine, and not kept.</p></div>"
        )
        photos = gradio.File(
            label=f"Photos: at most {PHOTOS} at a time, {MAX_BYTES // 10**6} MB each and {REQUEST_BYTES // 10**6} MB"
            " together",
            file_count="multiple",
            height=170,
        )
        _refuse_urls(photos)
        said = gradio.HTML(min_height=120)
        photos.upload(answer, photos, [said, photos], api_name="decide", show_progress_on=said)
    return page


def _refuse_urls(photos: gradio.File) -> None:
    """Let a program that asks the page give no URL in the place of a photo, which Gradio would fetch.

    A class of our own would be written down by Gradio, as an interface, beside this file.
    """
    take = photos.async_move_resource_to_block_cache

    async def take_no_url(path: str | Path | None) -> str | None:
        if "://" in str(path):
            raise gradio.Error(FETCHES_NOTHING, print_exception=False)
        return await take(path)

    photos.async_move_resource_to_block_cache = take_no_url


def answer_uploads(bundle: Bundle, folder: Path, uploads: Sequence[Path], threads: int = 1, device: str = "cpu") -> str:
    """Return, as HTML, what a bundle decides of uploaded files, which are removed.

    Args:
        bundle: what decides.
        folder: where uploads lie.
        uploads: the files, in any format; their names are shown.
        threads: processor threads to use.
        device: see `stylevote.bundle.decide.choose_device`.
    """
    with tempfile.TemporaryDirectory(prefix=ASKED, dir=folder) as private:
        asked = Path(private)
        names, refused = _take(uploads, asked)
        for file, name in list(names.items()):
            # Bytes, pixels and format are checked before anything else looks at the photo.
            if isinstance(problem := examine_photo(asked, file), str):
                refused.append((name, problem))
                (asked / file).unlink()
                del names[file]
        if not names:
            return whole_answer([], refused, len(bundle.networks))
        try:
            table = decide(bundle, asked, threads=threads, device=device)
            with explain_shortages("showing where networks look", MORE_MEMORY):
                parts = list(_parts(bundle, asked, names, table, choose_device(device, threads)))
        except InputError as error:
            logging.warning("%s", error)
            return whole_answer([], [*refused, ("The bundle", str(error))], len(bundle.networks))
    return whole_answer(parts, refused, len(bundle.networks))


def _take(uploads: Sequence[Path], folder: Path) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Move uploads into a folder; return the names that people gave them by their new ones, and who was refused."""
    names, refused = {}, []
    for number, path in enumerate(uploads):
        try:
            if number < PHOTOS:
                file = f"{number:04}.jpg"  # read by content, whatever it is called
                path.replace(folder / file)
                names[file] = path.name
            else:
                path.unlink()
                refused.append((path.name, f"at most {PHOTOS} photos are decided at a time"))
        except OSError:  # the same file, sent twice at a time, lies in one place
            refused.append((path.name, "no longer there; send it again"))
        with suppress(OSError):
            path.parent.rmdir()  # Gradio makes one for each
    return names, refused


def _forget_in_time(folder: Path, ended: threading.Event) -> None:
    """Remove what was sent some time ago, and about which nobody asked, until the page ends."""
    while not ended.wait(LOOKED_FOR):
        for place, inner, names in os.walk(folder):
            inner[:] = [name for name in inner if not name.startswith(ASKED)]
            for path in (Path(place, name) for name in names):
                with suppress(OSError):  # a request was faster
                    if time.time() - path.stat().st_mtime > FORGOTTEN:
                        path.unlink()
                        if path.parent != folder:
                            path.parent.rmdir()


def _parts(
    bundle: Bundle, folder: Path, names: dict[str, str], table: pd.DataFrame, device: torch.device
) -> Iterator[str]:
    """Yield what is said of each photo; ``names``: of each file in ``folder``, what it is called."""
    rows = dict(list(table.groupby("image_id", sort=False)))
    wanted = [(file, label) for file in names for label in looked_at(rows[file], LOOKS)]
    heats = _look(bundle, folder, wanted, device)
    for file, name in names.items():
        of_photo = {label: heats[file, label] for other, label in wanted if other == file}
        photo = _pixels(folder / file, SHOWN)
        yield photo_answer(name, photo, rows[file], of_photo, bundle.content["folds"])


def _look(
    bundle: Bundle, folder: Path, wanted: Sequence[tuple[str, str]], device: torch.device
) -> dict[tuple[str, str], np.ndarray]:
    """Return, for pairs of a file and a label, where the label's first member looks: that of the first fold."""
    heats = {}
    firsts = {label: pairs[0] for label, pairs in bundle.members.items()}
    for one in bundle.networks:
        mine = [(file, label) for file, label in wanted if firsts[label] == (one.run, one.epoch) and one.fold == 0]
        if not mine:
            continue
        network, size = load_network(one, device), one.setting["size"]
        for file, label in mine:
            pixels = _pixels(folder / file, size)
            index = pd.DataFrame({"offset": [0], "height": pixels.shape[:1], "width": pixels.shape[1:2]})
            bank = PixelCache.open(pixels.ravel(), index, device)
            photo = bank.take(torch.tensor([0]), torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([False]), size)
            heats[file, label] = heat_maps(network, photo, one.labels.index(label))[0].cpu().numpy()
    return heats


def _pixels(path: Path, size: int) -> np.ndarray:
    """Return a photo as the networks have it: uint8 of shape (height, width, 3), at a shorter side of ``size``."""
    return resize_photo(decode_photo(read_bytes(path), size), size).copy()
