"""How the gallery shows small pictures, in headless Chromium: ground, zoom, motion, layers, palette, captions."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aigc_content.gallery import GalleryItem, gallery_files
from aigc_content.png import encode_png

from .gallery_kit.devtools import PROGRAM, Page, chromium

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium (Debian: apt install chromium)")

RED, GREEN, BLUE, YELLOW = (220, 20, 30), (20, 200, 40), (30, 40, 230), (230, 210, 20)
PALETTE = np.array([(0, 0, 0, 0), *((*color, 255) for color in (RED, GREEN, BLUE, YELLOW))], np.uint8)
GROUNDS = {"white": (255, 255, 255), "gray": (128, 128, 128), "black": (0, 0, 0)}
EVIL = "</span><img src=x onerror=\"document.title='taken'\">"
CARD = "document.querySelector('.card:nth-child(%d) .frame > :first-child')"


def block(color: int, left: int, right: int, side: int = 16) -> npt.NDArray[np.uint8]:
    """Indices (side, side): one color between two columns."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[4:12, left:right] = color
    return pixels


def still(pixels: npt.NDArray[np.uint8]) -> bytes:
    return encode_png(pixels, PALETTE)


def moving(*frames: npt.NDArray[np.uint8], ms: int = 60) -> bytes:
    """An animated PNG, put together from plain ones."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    plain = [still(frame) for frame in frames]
    head = plain[0][: plain[0].index(b"IDAT") - 4]
    out, number = head + chunk(b"acTL", struct.pack(">II", len(frames), 0)), 0
    for place, data in enumerate(plain):
        start = data.index(b"IDAT")
        body = data[start + 4 : start + 4 + int.from_bytes(data[start - 4 : start], "big")]
        height, width = frames[place].shape
        out += chunk(b"fcTL", struct.pack(">5I2H2B", number, width, height, 0, 0, ms, 1000, 0, 0))
        number += 1
        out += chunk(b"IDAT", body) if place == 0 else chunk(b"fdAT", struct.pack(">I", number) + body)
        number += place > 0
    return out + chunk(b"IEND", b"")


def write(out: Path, pictures: dict[str, bytes], items: list[GalleryItem]) -> Path:
    for name, data in [*pictures.items(), *gallery_files(items, [], "sprites")]:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    return out / "gallery.html"


def item(index: int, preview: str, **fields: Any) -> GalleryItem:
    return GalleryItem(f"hero-{index:06d}", "hero", index, {}, {}, [], preview, digest=f"{index:064x}", **fields)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A still hero, an animated one, both in layers; a cast of two with their names."""
    body, cloak = block(1, 2, 6), block(2, 8, 12)
    body2, cloak2 = block(3, 2, 6), block(4, 8, 12)
    cast = np.zeros((20, 40), np.uint8)
    cast[2:18, 2:18], cast[2:18, 22:38] = block(1, 2, 14), block(2, 2, 14)
    pictures = {
        "a.png": still(body + cloak),
        "a.1.png": still(body),
        "a.2.png": still(cloak),
        "b.apng": moving(body + cloak, body2 + cloak2),
        "b.1.apng": moving(body, body2),
        "b.2.apng": moving(cloak, cloak2),
        "cast.png": still(cast),
    }
    colors = ["#dc141e", "#14c828", "url(http://example.com/x)"]
    items = [
        item(1, "a.png", layers=[("body", "a.1.png"), ("cloak", "a.2.png")], colors=colors),
        item(2, "b.apng", media_type="image/apng", layers=[("body", "b.1.apng"), ("cloak", "b.2.apng")]),
        item(3, "cast.png", captions=[("ann", 0, 18, 20), (EVIL, 20, 18, 20)]),
        item(4, "a.png", layers=[(EVIL, "gone.png"), ("cloak", "a.2.png")]),
    ]
    return write(tmp_path_factory.mktemp("look"), pictures, items)


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium(1200, 800) as page:
        yield page


@pytest.fixture
def page(browser: Page, gallery: Path) -> Iterator[Page]:
    """The gallery with nothing remembered; nothing may go wrong in it, and nothing may be asked of a network."""
    browser.problems.clear()
    browser.requests.clear()
    browser.open(gallery)
    browser.js("localStorage.clear()")
    browser.open(gallery)
    yield browser
    assert [problem for problem in browser.problems if "gone.png" not in problem] == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:", "about:"))] == []


def seen(page: Page, folder: Path, selector: str) -> dict[tuple[int, ...], int]:
    """How many pixels of each color an element shows."""
    image = pytest.importorskip("PIL.Image")
    page.screenshot(folder / "shot.png")
    left, top, width, height = page.js(
        "(({x, y, width, height}) => [x, y, width, height])"
        f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
    )
    shot = (
        image.open(folder / "shot.png").convert("RGB").crop((left + 1, top + 1, left + width - 1, top + height - 1))
    )
    return {color: count for count, color in shot.getcolors(1 << 24)}


def seen_in_time(page: Page, folder: Path, selector: str, wanted: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """All colors an animated element shows until the wanted ones were among them, or for twenty seconds."""
    colors: set[tuple[int, ...]] = set()
    end = time.monotonic() + 20
    while not wanted <= colors and time.monotonic() < end:
        colors |= seen(page, folder, selector).keys()
        time.sleep(0.013)  # not in step with the frames
    return colors


def zoom(page: Page, value: int) -> None:
    page.js(f"(({{zoom}}) => {{ zoom.value = '{value}'; zoom.dispatchEvent(new Event('change')); }})(window)")
    page.settle()


def open_hero(page: Page, index: int, wanted: str = ".picture > :first-child") -> None:
    page.js(f"aigcGallery.setOpen('hero-{index:06d}')")
    page.wait(f"document.querySelector('.viewer h2').textContent === 'hero-{index:06d}'")
    page.wait(f"document.querySelector({json.dumps(wanted)})")
    page.settle()


@pytest.mark.parametrize("name", GROUNDS)
def test_ground_lies_behind_card_and_enlarged_picture(page: Page, tmp_path: Path, name: str) -> None:
    page.click(f"#look [data-ground={name}]")
    assert page.js(
        "[...document.querySelectorAll('#look [aria-pressed=true]')].map((node) => node.dataset.ground)"
    ) == [name]
    assert seen(page, tmp_path, ".card .frame")[GROUNDS[name]] > 1000
    open_hero(page, 1)
    shown = seen(page, tmp_path, ".picture")
    assert set(shown) == {GROUNDS[name], RED, GREEN}


def test_ground_by_key_goes_round_and_is_remembered(page: Page, gallery: Path) -> None:
    ground = "document.documentElement.dataset.ground"
    assert page.js(ground) == "plain"
    page.key("b")
    assert page.js(ground) == "checker"
    open_hero(page, 1)
    page.key("b")
    page.open(gallery)
    assert page.js(ground) == "white"
    for _ in range(5):
        page.key("b")
    assert page.js(ground) == "plain"


def test_zoom_is_exact_sharp_and_remembered(page: Page, gallery: Path) -> None:
    for value in (1, 3, 8):
        zoom(page, value)
        assert page.js(f"{CARD % 1}.getBoundingClientRect().width") == 16 * value
        assert page.js(f"{CARD % 3}.getBoundingClientRect().width") == 40 * min(value, 6)  # a wider one stays whole
        assert page.js(f"getComputedStyle({CARD % 1}).imageRendering") == "pixelated"
    page.open(gallery)
    assert page.js("document.querySelector('#zoom').value") == "8"
    assert page.js(f"{CARD % 1}.getBoundingClientRect().width") == 128
    zoom(page, 0)
    assert page.js(f"{CARD % 1}.getBoundingClientRect().width") > 128


@pytest.mark.parametrize("stored", ["9", "-1", "1.5", '"8"', "null", "{broken", '"toString"', "[1]"])
def test_nonsense_that_was_remembered_is_the_default(page: Page, gallery: Path, stored: str) -> None:
    names = "['zoom', 'ground', 'playing']"
    page.js(
        f"{names}.forEach((name) => localStorage.setItem(`aigc-gallery:${{location.pathname}}:${{name}}`,"
        f" {json.dumps(stored)}))"
    )
    page.open(gallery)
    assert page.js("[aigcGallery.look.zoom, aigcGallery.look.ground]") == [0, "plain"]
    assert page.js("document.querySelector('#zoom').value") == "0"


def test_animation_plays_and_pauses(page: Page, tmp_path: Path) -> None:
    frame = ".card:nth-child(2) .frame"
    every = {RED, GREEN, BLUE, YELLOW}
    assert every <= seen_in_time(page, tmp_path, frame, every)
    assert page.js("document.querySelector('#look .motion').getAttribute('aria-label')") == "Pause the animations"
    page.js("document.querySelector('.card:nth-child(2) .open').focus()")
    page.key("p")
    page.wait(f"{CARD % 2}?.matches('canvas.shown')")
    assert page.js("document.activeElement.getAttribute('aria-label')") == "Open hero-000002"
    assert page.js("document.querySelector('#look .motion').getAttribute('aria-label')") == "Play the animations"
    for _ in range(4):
        assert {RED, GREEN, BLUE, YELLOW} & set(seen(page, tmp_path, frame)) == {RED, GREEN}
    assert page.js(f"{CARD % 1}.matches('img')")
    open_hero(page, 2)
    assert (
        page.js("document.querySelector('.picture > canvas').getAttribute('aria-label')") == "Preview of hero-000002"
    )
    page.click("#viewer .motion")
    page.wait("document.querySelector('.picture > img')?.naturalWidth")
    page.key("Escape")
    page.wait(f"{CARD % 2}?.matches('img.shown')")


def test_who_wants_no_motion_gets_none(page: Page, gallery: Path) -> None:
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    try:
        page.open(gallery)
        page.wait(f"{CARD % 2}?.matches('canvas.shown')")
    finally:
        page.call("Emulation.setEmulatedMedia", features=[])


def test_pause_is_offered_where_something_moves(page: Page, tmp_path: Path) -> None:
    page.open(write(tmp_path, {"a.png": still(block(1, 2, 6))}, [item(1, "a.png")]))
    assert not page.js("document.querySelector('.motion')")
    page.key("p")
    open_hero(page, 1)
    assert not page.js("document.querySelector('.motion') || document.querySelector('.layers, .palette, .captions')")


def test_layers_are_hidden_and_shown_again(page: Page, tmp_path: Path) -> None:
    open_hero(page, 1, ".layers input")
    page.click("#viewer [data-ground=white]")
    assert page.js("[...document.querySelectorAll('.layers label')].map((node) => node.textContent)") == [
        "cloak",
        "body",
    ]
    assert not page.js("document.querySelector('.stack')")
    assert set(seen(page, tmp_path, ".picture")) == {GROUNDS["white"], RED, GREEN}
    page.click("[data-layer=body]")
    page.wait("document.querySelector('.picture.parted')")
    assert set(seen(page, tmp_path, ".picture")) == {GROUNDS["white"], GREEN}
    page.js("document.querySelector('[data-layer=cloak]').focus()")
    page.key(" ")
    assert set(seen(page, tmp_path, ".picture")) == {GROUNDS["white"]}
    page.click("[data-layer=body]")
    page.click("[data-layer=cloak]")
    assert set(seen(page, tmp_path, ".picture")) == {GROUNDS["white"], RED, GREEN}


def test_hidden_layers_stay_hidden_from_asset_to_asset_until_the_picture_closes(page: Page, tmp_path: Path) -> None:
    open_hero(page, 1, ".layers input")
    page.click("[data-layer=body]")
    page.wait("document.querySelector('.picture.parted')")
    page.key("ArrowRight")
    page.wait("document.querySelector('.viewer h2').textContent === 'hero-000002'")
    page.wait("document.querySelector('.picture.parted')")
    assert page.js("document.activeElement.dataset.layer") == "body"
    assert not page.js("document.activeElement.checked")
    colors = seen_in_time(page, tmp_path, ".picture", {GREEN, YELLOW})
    assert {GREEN, YELLOW} <= colors
    assert not {RED, BLUE} & colors
    page.key("ArrowRight")
    page.wait("document.activeElement.matches('.about')")  # the next has no layers
    page.key("Escape")
    open_hero(page, 1, ".layers input")
    assert page.js("[...document.querySelectorAll('.layers input')].every((input) => input.checked)")
    assert not page.js("document.querySelector('.picture.parted')")


def test_a_missing_layer_is_told_and_the_whole_stays(page: Page) -> None:
    open_hero(page, 4, ".layers input")
    page.click("[data-layer=cloak]")
    page.wait("document.querySelector('.toast.shown')")
    assert "layer is missing" in page.js("document.querySelector('.toast').textContent")
    assert not page.js("document.querySelector('.picture.parted')")


def test_palette_is_a_strip_of_colors_and_of_nothing_else(page: Page) -> None:
    open_hero(page, 1, ".palette li")
    strip = "[...document.querySelectorAll('.palette li')]"
    assert page.js(f"{strip}.map((node) => node.textContent)")[:2] == ["#dc141e", "#14c828"]
    assert page.js(f"{strip}.map((node) => getComputedStyle(node).backgroundColor)") == [
        "rgb(220, 20, 30)",
        "rgb(20, 200, 40)",
        "rgba(0, 0, 0, 0)",
    ]
    assert page.js(f"{strip}[2].style.cssText") == ""


def test_members_stand_in_one_card_with_their_names(page: Page) -> None:
    card = ".card:nth-child(3)"
    texts = "[...document.querySelectorAll('%s .line')].map((node) => node.textContent)"
    assert page.js(texts % card) == ["ann", EVIL]
    assert page.js("document.querySelectorAll('.captions').length") == 1

    def under(place: str) -> None:
        picture, *lines = page.js(
            f"[...document.querySelectorAll('{place} > :first-child, {place} .line')].map((node) =>"
            " (({x, y, width, height}) => [x, y, width, height])(node.getBoundingClientRect()))"
        )
        scale = picture[2] / 40
        for place_of, line in enumerate(lines):
            assert line[0] == pytest.approx(picture[0] + 20 * scale * place_of, abs=1)
            assert line[1] == pytest.approx(picture[1] + 18 * scale, abs=1)
            assert line[2] == pytest.approx(20 * scale, abs=1)

    under(f"{card} .frame")
    zoom(page, 2)
    under(f"{card} .frame")
    assert (
        page.js(f"getComputedStyle(document.querySelector('{card} .text')).display") == "none"
    )  # no room for a name
    open_hero(page, 3)
    assert page.js(texts % ".picture") == ["ann", EVIL]
    under(".picture")
    assert "taken" not in page.js("document.title")
    assert not page.js("document.querySelector('img[src=x]')")
