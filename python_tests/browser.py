"""Chromium of the system, headless, for the tests of the page."""

from __future__ import annotations

import contextlib
import shutil

import numpy as np
import pytest


def find_chromium() -> str | None:
    """The path of the system's browser."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def chromium():
    """A browser of Playwright; the test is skipped, with a word, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested through playwright")
    path = find_chromium() or pytest.skip("the page is tested in Chromium, which is not installed")
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def settled(page) -> str:
    """What the page answers, once it waits for nothing."""
    page.wait_for_selector("#answers:not([aria-busy=true])")
    return page.inner_text("#best").split(" ")[0].strip()


def draw(page, strokes: list[np.ndarray]) -> str:
    """Draw strokes, in 0..1 of the paper, by the mouse; the answer."""
    page.click("#clear")
    box = page.locator("#drawing").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    return settled(page)
