"""The page of a served network, in a real browser."""

import argparse
import base64
import io
import json

import numpy as np
import pytest
from browser import chromium, draw, settled
from drawn_digits import digits, means_net, photographed
from PIL import Image
from serving import serving
from strokes import strokes_of

from fastconv.serve import Settings

DRAWN = 20


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def url(demo_net):
    with serving(demo_net, name="lenet") as (url, _):
        yield url


@pytest.fixture
def opened(browser):
    """Opens a page in a context of its own; whatever its console says fails the test."""
    contexts, said = [], []

    def open_page(url, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        page.goto(url + "/")
        page.wait_for_selector("#steps tr")
        return page

    open_page.said = said
    yield open_page
    for context in contexts:
        context.close()
    assert [line for line in said if "Failed to load resource" not in line] == []


def drawn_right(page, count) -> list[tuple[int, str]]:
    """(label, answer) of the digits that the page reads wrong."""
    images, labels = digits()
    answers = [draw(page, strokes_of(image)) for image in images[:count]]
    return [pair for pair in zip(labels[:count].tolist(), answers, strict=True) if str(pair[0]) != pair[1]]


def test_drawn_digits_are_read(opened, url):
    page = opened(url)
    assert len(drawn_right(page, DRAWN)) <= DRAWN // 20
    page.wait_for_selector("#layers .layer canvas")
    titles = page.locator("#layers h3").all_inner_texts()
    assert [title.split()[0] for title in titles][:2] == ["conv2d", "max_pooling2d"]
    assert page.locator("#layers .layer").first.locator("canvas").count() == 6
    assert page.locator("#steps tr").count() >= 5  # a pool may be one step with its convolution
    assert page.locator("#bars li.first").count() == 1


def test_bars_move_while_one_draws(opened, url):
    page = opened(url)
    box = page.locator("#drawing").bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    for step in range(20):
        page.mouse.move(box["x"] + 150, box["y"] + 60 + 10 * step)
    assert settled(page) == "1"  # the button is still down
    page.mouse.up()
    page.click("#undo")
    assert settled(page) == ""
    assert page.locator("#hint").is_visible()


def test_touch(opened, url):
    page = opened(url, has_touch=True, is_mobile=True, viewport={"width": 375, "height": 700})
    images, _ = digits()
    box = page.locator("#drawing").bounding_box()
    fingers = page.context.new_cdp_session(page)
    for stroke in strokes_of(images[0]):
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in stroke]
        fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
        for point in points[1:]:
            fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert settled(page) == "7"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_keyboard(opened, url):
    page = opened(url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "drawing"
    for key, times in (("ArrowUp", 12), (" ", 1), ("ArrowDown", 24), (" ", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    assert settled(page) == "1"
    page.keyboard.press("Control+z")
    assert settled(page) == ""
    for word in ("clear", "undo", "choose"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == word


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


DROP = """([text, type]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "a.png", { type }));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def test_pictures_are_dropped_and_chosen(opened, url):
    page, (images, _) = opened(url), digits()
    picture = png(photographed(images[1], np.random.default_rng(0)))
    page.evaluate(DROP, [base64.b64encode(picture).decode(), "image/png"])
    assert settled(page) == "2"
    assert "inverted" in page.inner_text("#words")
    page.set_input_files("#file", {"name": "b.png", "mimeType": "image/png", "buffer": png(images[0])})
    assert settled(page) == "7"
    page.set_input_files("#file", {"name": "c.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.wait_for_selector("#status:not([hidden])")
    assert "no picture that Pillow reads" in page.inner_text("#status")


def test_a_server_that_goes_away_and_comes_back(opened, url):
    page, (images, _) = opened(url), digits()
    page.context.set_offline(True)
    draw(page, strokes_of(images[0]))
    page.wait_for_selector("#status:not([hidden])")
    assert "does not answer" in page.inner_text("#status")
    page.context.set_offline(False)
    page.wait_for_selector("#status", state="hidden")
    page.locator("#best", has_text="7 ·").wait_for()


def test_a_server_that_is_gone(opened, demo_net):
    with serving(demo_net) as (url, _):
        page = opened(url)
    page.click("#drawing")
    page.wait_for_selector("#status:not([hidden])")
    assert "does not answer" in page.inner_text("#status")


@pytest.mark.parametrize(("locale", "title", "language"), [("zh-CN", "识别结果", "zh-CN"), ("fr", "Answer", "en")])
def test_languages(opened, url, locale, title, language):
    page = opened(url, locale=locale)
    assert page.inner_text("#answers-title") == title
    assert page.evaluate("document.documentElement.lang") == language


def test_a_key_is_asked_for_and_sent(browser, demo_net):
    with serving(demo_net, Settings(api_keys=("secret",))) as (url, _):
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#asking[open]")
        page.fill("#key", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#asking[open]")
        page.fill("#key", "secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("#steps tr")
        assert page.locator("#drawing").is_visible()
        page.close()


def test_light_and_dark(opened, url):
    colours = {
        scheme: opened(url, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert colours == {"light": "rgb(246, 247, 249)", "dark": "rgb(18, 22, 29)"}


def test_networks_that_take_no_drawing(opened):
    with serving(means_net((None, 6, 6, 3), layers=["x"])) as (url, _):
        page = opened(url)
        assert not page.locator("#drawing").is_visible()
        page.set_input_files(
            "#file",
            {"name": "a.png", "mimeType": "image/png", "buffer": png(np.full((9, 9, 3), [0, 99, 255], np.uint8))},
        )
        assert settled(page) == "2"


def test_words_for_classes(opened):
    words = ("red", "green", "a blue that takes more than one line of a narrow page")
    with serving(means_net((None, 6, 6, 3), layers=["x"]), Settings(labels=words)) as (url, _):
        page = opened(url, viewport={"width": 375, "height": 700})
        assert page.locator("#bars li > :first-child").all_inner_texts() == list(words)
        blue = np.full((9, 9, 3), [0, 99, 255], np.uint8)
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": png(blue)})
        page.locator("#best", has_text=f"{words[2]} ·").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tracks = page.locator("#bars .track").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().left)"
        )
        assert len(set(tracks)) == 1


def main() -> None:
    """Draw the first test images of MNIST, and say how many the page reads."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("url", help="of a server that has the demo's network, without the slash at its end")
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    with chromium() as browser:
        page = browser.new_page()
        page.goto(options.url + "/")
        page.wait_for_selector("#steps tr")
        wrong = drawn_right(page, options.count)
        print(json.dumps({"drawn": options.count, "right": options.count - len(wrong), "wrong": wrong}))


if __name__ == "__main__":
    main()
