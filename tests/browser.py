"""Pages in a real browser, and what a test can tell of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Opened(NamedTuple):
    """A page, and what went wrong or was asked for since it was opened."""

    page: Page
    errors: list[str]
    requests: list[str]


def executable() -> str | None:
    """The path of a browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def open_page(browser: Browser, file: Path, width: int = 1280, script: str = "") -> Opened:
    """The page after all plots are drawn; the script runs before those of the page."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    opened = Opened(page, [], [])
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda message: opened.errors.append(f"{message.type}: {message.text}"))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.add_init_script(script)
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn=all]", state="attached")
    return opened
