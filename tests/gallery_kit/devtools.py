"""Drives headless Chromium over its DevTools pipe: two file descriptors and JSON, no websocket, no driver program."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
)
_KEYS = {
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Escape": 27,
    "Enter": 13,
    "Tab": 9,
    "Home": 36,
    "End": 35,
}


class PageError(AssertionError):
    """The page threw, or did not come to what was waited for."""


class Page:
    """One tab. Every uncaught exception and every message of level error is collected in `problems`."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._buffer = b""
        self._last = 0
        self._session = ""
        self.problems: list[str] = []
        self.requests: list[str] = []

    def start(self, width: int = 1400, height: int = 900) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def call(self, method: str, /, **params: Any) -> dict[str, Any]:
        """One command, and its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(30)
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            piece = os.read(self._read, 1 << 20) if ready else b""
            if not piece:
                raise PageError("Chromium does not answer")
            self._buffer += piece
        text, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.problems.append(details.get("exception", {}).get("description") or details["text"])
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])

    def open(self, path: Path, fragment: str = "") -> None:
        """Opens a file from disk and waits until the gallery says that it is ready."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=path.resolve().as_uri() + fragment)
        self.wait("document.documentElement?.dataset.ready === 'yes'")

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 20) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.js(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise PageError(f"never true: {condition}; problems: {self.problems}")
            time.sleep(0.02)

    def key(self, key: str, modifiers: int = 0) -> None:
        """Presses a key as a person would."""
        common: dict[str, Any] = {"key": key, "modifiers": modifiers}
        if key in _KEYS:
            common |= {"code": key, "windowsVirtualKeyCode": _KEYS[key]}
            if key == "Enter":
                common["text"] = "\r"
        else:
            common |= {"text": key}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{k: v for k, v in common.items() if k != "text"})
        self.settle()

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)
        self.settle()

    def mouse(self, kind: str, x: float, y: float, *, held: bool = False) -> None:
        button = "none" if kind == "mouseMoved" and not held else "left"
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button=button,
            buttons=int(held),
            clickCount=int(button == "left"),
        )

    def middle(self, selector: str) -> tuple[float, float]:
        """The middle of the first element that matches, brought into view."""
        place = self.js(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)});"
            " node.scrollIntoView({block: 'nearest'});"
            " const box = node.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        return float(place[0]), float(place[1])

    def click(self, selector: str) -> None:
        """Clicks the middle of the first element that matches, with the mouse."""
        x, y = self.middle(selector)
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, held=True)
        self.mouse("mouseReleased", x, y)
        self.settle()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, held=True)
        for share in (0.3, 0.7, 1.0):
            self.mouse(
                "mouseMoved",
                start[0] + (end[0] - start[0]) * share,
                start[1] + (end[1] - start[1]) * share,
                held=True,
            )
        self.mouse("mouseReleased", *end)
        self.settle()

    def settle(self) -> None:
        """Two frames, so that what a frame was asked for is drawn."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def screenshot(self, path: Path) -> None:
        self.settle()
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(width: int = 1400, height: int = 900, *, profile: Path | None = None) -> Iterator[Page]:
    """A headless Chromium with a profile of its own, ended on leaving."""
    if PROGRAM is None:
        raise FileNotFoundError("no chromium on the PATH")
    to_child, from_us = os.pipe()
    to_us, from_child = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (to_child, from_child)]  # clear of 3 and 4

    def hand_over() -> None:
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    with TemporaryDirectory(ignore_cleanup_errors=True) as fresh:
        process = subprocess.Popen(
            [
                PROGRAM,
                *_FLAGS,
                f"--user-data-dir={profile or fresh}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=hand_over,  # noqa: PLW1509 (pass_fds cannot say which numbers; it only calls dup2)
            pass_fds=(3, 4),
        )
        for end in (to_child, from_child, *high):
            os.close(end)
        page = Page(to_us, from_us)
        try:
            page.start(width, height)
            yield page
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(to_us)
            os.close(from_us)
