"""A page to try a bundle: drop photos, see its decisions and where its networks look.

It is for the user of this machine: unless told otherwise, it listens on the local address. It sends no requests
elsewhere, and keeps nothing.
"""

import json
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stylevote.bundle.contents import Bundle
from stylevote.bundle.decide import MORE_MEMORY, choose_device, decide, load_network
from stylevote.cnn.attention import heat_maps
from stylevote.cnn.batches import PixelCache
from stylevote.errors import InputError
from stylevote.machine.failures import explain_shortages
from stylevote.photos.decoding import MAX_BYTES, decode_photo, read_bytes
from stylevote.photos.examining import examine_photo
from stylevote.photos.pixels import resize_photo
from stylevote.report.answer import STYLE, looked_at, photo_answer, whole_answer

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import
try:
    import gradio
    from starlette.middleware import Middleware

    from stylevote.bundle.guard import ADDRESS, FETCHES_NOTHING, HOSTS, Guard, public_netloc
except ImportError as error:
    raise InputError("the page needs a further package: pip install '.[serve]' in Stylevote's folder") from error

logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio requests its own page

MAX_PHOTOS = 20  # at a time
MAX_REQUEST_BYTES = 2 * MAX_BYTES  # all photos together
MAX_AGE = 600  # seconds until an upload without a request for decisions is removed
CLEANING_INTERVAL = 60  # seconds between two searches for old uploads
HEAT_MAPS = 3  # per photo: labels with a heat map
SHOWN_SIDE = 360  # pixels of the shorter side
UPLOADS = "GRADIO_TEMP_DIR"  # the environment variable for Gradio's folder of uploads
IN_PROGRESS = ".asked-"  # prefix of folders with photos that are being decided

PAGE_STYLE = """
.html-container { padding-left: 0 !important; padding-right: 0 !important; }
.gradio-container { max-width: 1120px !important; margin: 0 auto !important; }
.title h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; margin: 12px 0 4px; }
.title p { margin: 0; opacity: 0.75; }
"""


def serve(bundle: Bundle, *, port: int | None, threads: int, device: str, host: str, root_path: str) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        port: None for the first free port from 7860.
        device: see `stylevote.bundle.decide.choose_device`. A GPU is leased until the page ends.
        host: address or name to listen on.
        root_path: URL or path at which a proxy shows the page to others.

    Raises:
        InputError: the port is taken, the device or the host does not exist, or ``root_path`` is no URL or path.
    """
    choose_device(device, threads)  # first: this may wait for a GPU, or fail
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serving(bundle, port, threads, device, host, root_path) as address:
        if host not in HOSTS:
            logging.warning("everybody who reaches %s can send photos to the page: it asks for no password", host)
        logging.info("%s decides photos; Ctrl-C ends it", address)
        ended.wait()


@contextmanager
def serving(
    bundle: Bundle,
    port: int | None = None,
    threads: int = 1,
    device: str = "cpu",
    host: str = ADDRESS,
    root_path: str = "",
) -> Iterator[str]:
    """Serve the page in the background, as `serve` does, and yield its address."""
    public = public_netloc(root_path)
    try:  # Gradio would try a hundred ports for minutes
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise InputError(f"--host: cannot listen on {host}: {error.strerror}") from error
    if port is not None and not 0 < port < 2**16:
        raise InputError(f"--port: found {port}, expected 1 to {2**16 - 1}")
    with tempfile.TemporaryDirectory(prefix="stylevote-") as folder, _uploads_to(folder):
        page = make_page(bundle, Path(folder), threads, device)
        ended = threading.Event()
        threading.Thread(target=_remove_old_uploads, args=(Path(folder), ended), daemon=True).start()
        try:
            yield _launch(page, port, host, root_path.rstrip("/"), public)
        finally:
            ended.set()
            page.close(verbose=False)


@contextmanager
def _uploads_to(folder: str) -> Iterator[None]:
    """Let Gradio store uploads in a folder; afterwards where it did before, as another page may still be served."""
    before = os.environ.get(UPLOADS), gradio.routes.DEFAULT_TEMP_DIR
    os.environ[UPLOADS] = folder
    gradio.routes.DEFAULT_TEMP_DIR = folder  # read from the environment when Gradio was imported
    try:
        yield
    finally:
        del os.environ[UPLOADS]
        if before[0] is not None:
            os.environ[UPLOADS] = before[0]
        gradio.routes.DEFAULT_TEMP_DIR = before[1]


def _launch(page: gradio.Blocks, port: int | None, host: str, root_path: str, public: str) -> str:
    """Let the page listen; return its address."""
    # Gradio requests its own page, which must not go through a proxy.
    no_proxy = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), *HOSTS, host]))
    os.environ.update(no_proxy=no_proxy, NO_PROXY=no_proxy)
    # Fonts of the system: others would be fetched.
    fonts = {
        name: [gradio.themes.Font(family) for family in families]
        for name, families in (("font", ("system-ui", "sans-serif")), ("font_mono", ("ui-monospace", "monospace")))
    }
    try:
        _, address, _ = page.launch(
            server_name=host,
            root_path=root_path or None,
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
            app_kwargs={"middleware": [Middleware(Guard, host=host, public=public, max_bytes=MAX_REQUEST_BYTES)]},
            theme=gradio.themes.Default(**fonts),
            css=PAGE_STYLE + STYLE,
        )
    except OSError as error:
        ports = "7860 and those after it" if port is None else port
        raise InputError(f"--port: cannot listen on {ports} of {host}; choose another, or another --host") from error
    except Exception as error:  # of Gradio, httpx or uvicorn: the page's request to itself failed
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"the page cannot be reached at {host} ({reason})") from error
    return address


def make_page(bundle: Bundle, folder: Path, threads: int, device: str) -> gradio.Blocks:
    """Return the page.

    Args:
        folder: for uploads, until they are decided, and for nothing else.
        device: see `stylevote.bundle.decide.choose_device`.
    """

    def answer(uploads: list[str] | None) -> tuple[str, None]:
        # The list is emptied: its files no longer exist.
        return answer_uploads(bundle, folder, [Path(path) for path in uploads or []], threads, device), None

    def answer_as_json(uploads: list[str] | None) -> tuple[dict[str, Any], None]:
        paths = [Path(path) for path in uploads or []]
        records, refused = _answered(bundle, folder, paths, threads, device, _records)
        return {"photos": records, "refused": [{"photo": name, "reason": why} for name, why in refused]}, None

    labels = len(bundle.labels)
    with gradio.Blocks(title="Stylevote", analytics_enabled=False) as page:
        gradio.HTML(
            f'<div class="title"><h1>Stylevote</h1><p>Which of {labels} {"label" if labels == 1 else "labels"} a photo '
            "has. Photos are decided on this machine and not kept.</p></div>"
        )
        photos = gradio.File(
            label=f"Photos: at most {MAX_PHOTOS} at a time, {MAX_BYTES // 10**6} MB each and "
            f"{MAX_REQUEST_BYTES // 10**6} MB together",
            file_count="multiple",
            height=170,
        )
        _refuse_urls(photos)
        answers = gradio.HTML(min_height=120)
        photos.upload(answer, photos, [answers, photos], api_name="decide", show_progress_on=answers)
        # For programs (gradio_client): the decisions as data.
        hidden = gradio.JSON(visible=False)
        gradio.Button(visible=False).click(answer_as_json, photos, [hidden, photos], api_name="decide_json")
    return page


def _refuse_urls(photos: gradio.File) -> None:
    """Refuse URLs instead of photos, which Gradio would fetch for a program that uses the page.

    This replaces a method: for a class of our own, Gradio would write an interface file next to this one.
    """
    take = photos.async_move_resource_to_block_cache

    async def take_no_url(path: str | Path | None) -> str | None:
        if "://" in str(path):
            raise gradio.Error(FETCHES_NOTHING, print_exception=False)
        return await take(path)

    photos.async_move_resource_to_block_cache = take_no_url


def answer_uploads(bundle: Bundle, folder: Path, uploads: Sequence[Path], threads: int = 1, device: str = "cpu") -> str:
    """Return a bundle's decisions for uploaded files as HTML; remove the files.

    Args:
        bundle, folder, threads, device: see `make_page`.
        uploads: the files, in any format; their names are shown.
    """
    answers, refused = _answered(bundle, folder, uploads, threads, device, _answers)
    return whole_answer(answers, refused, len(bundle.networks))


def _answered(
    bundle: Bundle,
    folder: Path,
    uploads: Sequence[Path],
    threads: int,
    device: str,
    answers_of: Callable[..., Iterator[Any]],
) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return what ``answers_of`` makes of the decisions (see `_answers`), and the refused files with reasons."""
    with tempfile.TemporaryDirectory(prefix=IN_PROGRESS, dir=folder) as private:
        photos = Path(private)
        names, refused = _take(uploads, photos)
        for file, name in list(names.items()):
            # Checks bytes, pixels and format before any other code reads the photo.
            if isinstance(problem := examine_photo(photos, file, bundle.content.ranges), str):
                refused.append((name, problem))
                (photos / file).unlink()
                del names[file]
        if not names:
            return [], refused
        try:
            table = decide(bundle, photos, threads=threads, device=device)
            with explain_shortages("showing where networks look", MORE_MEMORY):
                return list(answers_of(bundle, photos, names, table, choose_device(device, threads))), refused
        except InputError as error:
            logging.warning("%s", error)
            return [], [*refused, ("The bundle", str(error))]


def _take(uploads: Sequence[Path], folder: Path) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Move uploads into a folder; return their old names by their new names, and the refused ones with reasons."""
    names, refused = {}, []
    for number, path in enumerate(uploads):
        try:
            if number < MAX_PHOTOS:
                file = f"{number:04}.jpg"  # read by content, whatever its name
                path.replace(folder / file)
                names[file] = path.name
            else:
                path.unlink()
                refused.append((path.name, f"at most {MAX_PHOTOS} photos are decided at a time"))
        except OSError:  # the same file, sent twice at a time, is stored once
            refused.append((path.name, "no longer there; send it again"))
        with suppress(OSError):
            path.parent.rmdir()  # Gradio makes a folder for each
    return names, refused


def _remove_old_uploads(folder: Path, ended: threading.Event) -> None:
    """Remove uploads without a request for decisions after a while, until the page ends."""
    while not ended.wait(CLEANING_INTERVAL):
        for parent, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(IN_PROGRESS)]
            for path in (Path(parent, name) for name in names):
                with suppress(OSError):  # a request was faster
                    if time.time() - path.stat().st_mtime > MAX_AGE:
                        path.unlink()
                        if path.parent != folder:
                            path.parent.rmdir()


def _answers(
    bundle: Bundle, folder: Path, names: dict[str, str], table: pd.DataFrame, device: torch.device
) -> Iterator[str]:
    """Yield the HTML of each photo; ``names`` are the names to show, by file in ``folder``."""
    rows = dict(list(table.groupby("image_id", sort=False)))
    wanted = [(file, label) for file in names for label in looked_at(rows[file], HEAT_MAPS)]
    heats = _heat_maps(bundle, folder, wanted, device)
    for file, name in names.items():
        of_photo = {label: heats[file, label] for wanted_file, label in wanted if wanted_file == file}
        photo = _pixels(folder / file, SHOWN_SIDE, bundle.content.ranges)
        yield photo_answer(name, photo, rows[file], of_photo, bundle.content.folds)


def _records(
    bundle: Bundle, _folder: Path, names: dict[str, str], table: pd.DataFrame, _device: Any
) -> Iterator[dict[str, Any]]:
    """Yield JSON values of each photo: ``photo`` (its name), ``labels`` (those that it has) and ``scores``.

    The latter are score, threshold, decision and agreement for each label, as in the table of details.
    """
    for file, rows in table.groupby("image_id", sort=False):
        by_label = rows.drop(columns="image_id").set_index("label")
        given = [label for label in bundle.labels if by_label["decision"][label]]
        yield {"photo": names[str(file)], "labels": given, "scores": json.loads(by_label.to_json(orient="index"))}


def _heat_maps(
    bundle: Bundle, folder: Path, wanted: Sequence[tuple[str, str]], device: torch.device
) -> dict[tuple[str, str], np.ndarray]:
    """Return heat maps of the label's first member, by the first fold's network, for pairs of a file and a label."""
    heats = {}
    for bundled in bundle.networks:
        member = (bundled.run, bundled.epoch)
        pairs = [(file, label) for file, label in wanted if bundle.members(label)[0] == member]
        if bundled.fold > 0 or not pairs:
            continue
        network, size = load_network(bundled, device), bundled.setting["size"]
        for file, label in pairs:
            pixels = _pixels(folder / file, size, bundle.content.ranges)
            index = pd.DataFrame({"offset": [0], "height": pixels.shape[:1], "width": pixels.shape[1:2]})
            cache = PixelCache.open(pixels.ravel(), index, device)
            photo = cache.take(torch.tensor([0]), torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([False]), size)
            heats[file, label] = heat_maps(network, photo, bundled.labels.index(label))[0].cpu().numpy()
    return heats


def _pixels(path: Path, size: int, ranges: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """Return a photo as uint8 of shape (height, width, 3), with a shorter side of ``size`` pixels."""
    return resize_photo(decode_photo(read_bytes(path), size, ranges), size).copy()
