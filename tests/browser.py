"""A page in Debian's Chromium, without a window: opened from a file, asked, and photographed."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
]


class Browser:
    """Chromium, spoken to by the DevTools protocol over two pipes, which are its files 3 and 4; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self.number = 0

    def __enter__(self) -> "Browser":
        to_read, self.writing = os.pipe()
        reading, to_write = os.pipe()
        command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        program = ["bash", "-c", command, "bash", CHROMIUM, *FLAGS, f"--user-data-dir={self.folder}", "about:blank"]
        self.process = subprocess.Popen(
            program, pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        self.reading = os.fdopen(reading, "rb")
        self.session = None
        targets = self.ask("Target.getTargets")["targetInfos"]
        target = next(info["targetId"] for info in targets if info["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.writing)
        self.reading.close()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its answer; what happens meanwhile is kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.hear()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def hear(self) -> dict[str, Any]:
        """Return the next message; keep it if it tells of something that happened."""
        text = bytearray()
        while (letter := self.reading.read(1)) != b"\0":
            assert letter, "Chromium ended"
            text += letter
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, page: Path | str, width: int, *, dark: bool = False) -> None:
        """Open a file or an address at a width in pixels, in light or dark colours, and wait until it is there."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.hear()

    def evaluate(self, script: str) -> Any:
        """Return what a script's expression is worth on the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def errors(self) -> list[str]:
        """Return what the console complained of since the page was opened."""
        complaints = []
        for event in self.events:
            if event["method"] == "Runtime.exceptionThrown":
                complaints.append(json.dumps(event["params"]))
            if event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning"):
                complaints.append(json.dumps(event["params"]["args"]))
            if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in ("error", "warning"):
                complaints.append(event["params"]["entry"]["text"])
        return complaints

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened, but for pictures within it."""
        sent = [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith("data:")]

    def photograph(self, path: Path) -> None:
        """Write a PNG of the whole page."""
        metrics = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": metrics["width"], "height": metrics["height"], "scale": 1}
        answer = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(answer["data"]))


# Texts that meet others, and texts that stick out of their picture. Boxes may overlap by a pixel: letters are smaller.
COLLISIONS = """
[...document.querySelectorAll("svg")].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
  const shown = texts.filter(([text, box]) => text.trim() && box.width > 0);
  const meet = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2.5;
  const outside = ([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1
    || box.top < frame.top - 2 || box.bottom > frame.bottom + 2;
  const named = (...texts) => svg.getAttribute("aria-label") + ": " + texts.map(([text]) => text).join(" / ");
  return [
    ...shown.flatMap((one, k) => shown.slice(k + 1).filter(other => meet(one, other)).map(other => named(one, other))),
    ...shown.filter(outside).map(one => named(one) + " (outside)"),
  ];
})
"""


def check_page(browser: Browser, page: Path) -> None:
    """See to it that a page is sound on a phone and on a wide screen, in light and in dark.

    Nothing complains, no request leaves the page, it is no wider than the screen, and no two labels of a picture meet.
    """
    for width in (400, 1400):
        for dark in (False, True):
            browser.open(page, width, dark=dark)
            browser.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            assert browser.evaluate("document.documentElement.scrollWidth") == width
            assert browser.evaluate(COLLISIONS) == []
            broken = "[...document.images].filter(e => !e.complete || !e.naturalWidth).map(e => e.alt)"
            assert browser.evaluate(broken) == []
            color = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, color[4:-1].split(", "))) < 380) == dark
            assert browser.errors() == []
            assert browser.requests() == [page.resolve().as_uri()]
