"""A flow run's page in Prefect's UI, as a person uses it: read, find a button, press it."""

import json
import time

from chromium import Browser

_WAITS_S = 120
_WIDTH, _HEIGHT = 1440, 1200  # high enough for all artifacts of a small run

# The middle of what can be pressed and has this line of text: switched on, nothing lies over it.
_PLACE = """(line => {
  for (const each of document.querySelectorAll("a, button, [role=tablist] > *")) {
    if (each.disabled || !each.innerText.split("\\n").includes(line)) continue;
    const box = each.getBoundingClientRect();
    const place = [box.x + box.width / 2, box.y + box.height / 2];
    if (each.contains(document.elementFromPoint(...place))) return place;
  }
  return null;
})"""


class RunPage:
    """The page of one flow run, opened.

    Args:
        server: Where the UI is, by any name of this machine.
    """

    def __init__(self, browser: Browser, server: str, flow_run: str) -> None:
        self._browser, self._server = browser, server
        browser.open(f"{server}/runs/flow-run/{flow_run}", width=_WIDTH, height=_HEIGHT)

    @property
    def asked_elsewhere(self) -> list[str]:
        """What the browser has requested from anywhere but the server."""
        own = (self._server, "data:", "blob:")
        return [each for each in self._browser.requested if not each.startswith(own)]

    @property
    def text(self) -> str:
        """What can be read on it."""
        return str(self._browser.value("document.body?.innerText"))

    def wait_for(self, *lines: str) -> None:
        """Wait until each of these can be read as a line of its own."""
        deadline = time.monotonic() + _WAITS_S
        while missing := set(lines) - {line.strip() for line in self.text.splitlines()}:
            assert time.monotonic() < deadline, f"no {missing} in {self.text}"
            time.sleep(0.2)

    def press(self, line: str) -> None:
        """Click on the middle of a link, button or tab with this text, once it has come to rest."""
        deadline, before = time.monotonic() + _WAITS_S, None
        while (place := self._place(line)) is None or place != before:
            assert time.monotonic() < deadline, f"no {line!r} to press in {self.text}"
            before = place
            time.sleep(0.2)
        self._browser.click(*place)

    def _place(self, line: str) -> list[float] | None:
        place: list[float] | None = self._browser.value(f"{_PLACE}({json.dumps(line)})")
        return place
