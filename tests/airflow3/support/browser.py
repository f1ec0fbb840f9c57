"""Debian's Chromium without a window, driven through its own debugging protocol."""

from __future__ import annotations

import base64
import itertools
import json
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tests.support.servers.process import ServerProcess, program

if TYPE_CHECKING:
    from typing_extensions import Self

_PATIENCE_SECONDS = 40.0


class Chromium(ServerProcess):
    """The browser, with a profile of its own.

    Raises:
        ServerMissingError: it is not installed.
    """

    def __init__(self) -> None:
        self._program = program("chromium")
        super().__init__()

    def command(self) -> list[str]:
        return [
            self._program,
            "--headless",
            "--no-sandbox",  # containers do not let it make one
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            f"--user-data-dir={self.folder / 'profile'}",
            f"--remote-debugging-port={self.port}",
            "--remote-allow-origins=*",
            "about:blank",
        ]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json/version", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def new_tab(self, *, width: int = 1280, height: int = 900) -> Tab:
        """An empty page of that size."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new", method="PUT")
        with urllib.request.urlopen(request, timeout=60) as answer:
            url = json.load(answer)["webSocketDebuggerUrl"]
        return Tab(url, width, height)


class Tab:
    """One page."""

    def __init__(self, url: str, width: int, height: int) -> None:
        from websockets.sync.client import connect

        self._closing = ExitStack()
        self._socket = self._closing.enter_context(connect(url, max_size=None, open_timeout=60))
        self._numbers = itertools.count(1)
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def open(self, url: str) -> None:
        """Goes there; what is on the page may come later."""
        self._call("Page.navigate", url=url)

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def evaluate(self, script: str) -> Any:
        """The value of an expression, as JSON can hold it. Raises RuntimeError where the script throws."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def wait_for(self, script: str, *, what: str) -> Any:
        """The first value of the expression that counts as true. Raises TimeoutError."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                value = self.evaluate(script)
            except RuntimeError:
                value = None  # the page is being replaced
            if value:
                return value
            if time.monotonic() > end:
                text = self.evaluate("document.body ? document.body.innerText.slice(0, 2000) : ''")
                raise TimeoutError(f"{what}; the page says:\n{text}")
            time.sleep(0.1)

    def click(self, selector: str, text: str = "") -> None:
        """Clicks the first element that `selector` finds and whose text has `text`, when it is there."""
        all_of_them = f"[...document.querySelectorAll({json.dumps(selector)})]"
        find = f"{all_of_them}.find(e => e.innerText.includes({json.dumps(text)}))"
        self.wait_for(f"!!({find})", what=f"no {selector} with {text!r}")
        # Menus open at what a mouse does, not at a click alone.
        self.evaluate(
            f"""(() => {{ const e = {find};
                for (const kind of ["pointerdown", "mousedown", "pointerup", "mouseup", "click"])
                  e.dispatchEvent(new (kind.startsWith("pointer") ? PointerEvent : MouseEvent)(
                    kind, {{bubbles: true, cancelable: true, button: 0, pointerType: "mouse"}}));
            }})()"""
        )

    def fill(self, selector: str, text: str) -> None:
        """Types into a field, when it is there."""
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})", what=f"no {selector}")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        """Writes what is to be seen as a PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=_PATIENCE_SECONDS))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"])[:500])
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            entry = message["params"]["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}")
