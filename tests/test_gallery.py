"""The gallery's files: same bytes, nothing that could be read as markup, small index, chunks on demand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigc_content.gallery import GalleryFailure, GalleryItem, gallery_files
from aigc_content.gallery.columns import Columns
from aigc_content.gallery.pages import CHUNK, SCRIPTS

ASSETS = Path(gallery_files.__code__.co_filename).parent / "assets"
EVIL = "</script><img src=x onerror='alert(1)'>\u2028\\\"\ud800 ünï"


def item(index: int, **fields: Any) -> GalleryItem:
    name = f"caves-{index:06d}"
    plain = {
        "id": name,
        "job": "caves",
        "index": index,
        "params": {"difficulty": 0.4, "game": "dungeon"},
        "metrics": {"path_length": 10 + index, "shape": "ring" if index % 2 else "tree"},
        "files": [f"caves/{name}.level.json"],
        "preview": f"caves/{name}.png",
        "overlay": "<svg/>",
        "license": "CC0-1.0",
        "digest": f"{index:064x}",
    }
    return GalleryItem(**(plain | fields))


def build(
    items: list[GalleryItem], failures: tuple[GalleryFailure, ...] = (), title: str = "levels"
) -> dict[str, bytes]:
    return dict(gallery_files(items, failures, title))


def data_of(script: bytes) -> Any:
    """What a data script hands to the page: undoes the quoting as JavaScript would."""
    text = re.fullmatch(r"aigcGallery\.load\('\w+',JSON\.parse\('(.*)'\)\);\n", script.decode("ascii"))
    assert text is not None
    return json.loads(
        re.sub(r"\\(x3c|x3e|.)", lambda found: {"x3c": "<", "x3e": ">"}.get(found[1], found[1]), text[1])
    )


def columns_of(files: dict[str, bytes], group: str) -> dict[str, Any]:
    return {column["name"]: column for column in data_of(files["gallery/data-index.js"])["columns"][group]}


def test_equal_assets_give_equal_bytes() -> None:
    first = list(gallery_files([item(k) for k in range(1, 250)], [], "levels"))
    assert first == list(gallery_files((item(k) for k in range(1, 250)), iter([]), "levels"))


def test_order_of_keys_means_nothing() -> None:
    one = item(1, metrics={"a": 1, "b": 2}, params={"x": 1, "y": 2})
    other = item(1, metrics={"b": 2, "a": 1}, params={"y": 2, "x": 1})
    assert build([one, item(2)]) == build([other, item(2)])


def test_a_longer_build_keeps_the_full_chunks_before() -> None:
    short, long = build([item(k) for k in range(1, 151)]), build([item(k) for k in range(1, 351)])
    assert short["gallery/data-0000.js"] == long["gallery/data-0000.js"]
    assert set(long) - set(short) == {"gallery/data-0002.js", "gallery/data-0003.js"}


def test_page_comes_after_its_data_and_names_only_files_that_exist() -> None:
    names = [name for name, _ in gallery_files([item(1)], [], "levels")]
    assert names[-1] == "gallery.html"
    page = build([item(1)])["gallery.html"].decode()
    assert set(re.findall(r'(?:src|href)="(gallery/[^"]+)"', page)) == set(names) - {
        "gallery.html",
        "gallery/data-0000.js",
    }


def test_assets_are_read_one_chunk_at_a_time() -> None:
    taken = 0

    def items() -> Iterator[GalleryItem]:
        nonlocal taken
        for index in range(1, 10 * CHUNK + 1):
            taken += 1
            yield item(index)

    name, _ = next(gallery_files(items(), [], "levels"))
    assert name == "gallery/data-0000.js"
    assert taken == CHUNK


def test_hostile_text_is_only_text() -> None:
    hostile = item(
        1,
        id=EVIL,
        job=EVIL,
        params={EVIL: EVIL},
        metrics={EVIL: EVIL, "n": 1},
        files=[EVIL],
        preview=EVIL,
        media_type=EVIL,
        overlay=EVIL,
        layers=[(EVIL, EVIL)],
        colors=[EVIL],
        captions=[(EVIL, 1, 2, 3)],
        license=EVIL,
    )
    files = build([hostile, item(2)], (GalleryFailure(EVIL, 1, EVIL, EVIL),), title=EVIL)
    for name, data in files.items():
        if name.startswith("gallery/data-"):
            assert data.isascii()
            assert not re.search(rb"[<>\n](?!\Z)", data[:-1])
    page = files["gallery.html"].decode("utf-8")
    assert "<img" not in page
    assert page.count("</script>") == 2
    index = data_of(files["gallery/data-index.js"])
    assert index["items"]["ids"][0] == EVIL
    assert index["failures"]["messages"] == [EVIL]
    assert index["items"]["captions"] == [[[EVIL, 1, 2, 3]]]
    row = data_of(files["gallery/data-0000.js"])["items"][0]
    assert (row["overlay"], row["layers"], row["colors"]) == (EVIL, [[EVIL, EVIL]], [EVIL])


def test_page_forbids_network_and_inline_scripts() -> None:
    page = build([])["gallery.html"].decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]
    assert not re.search(r"<script(?! defer src=)|\son\w+=|style=", page)


def test_previews_with_the_id_in_their_path_are_one_pattern() -> None:
    index = data_of(build([item(1), item(2), item(3, preview=None)])["gallery/data-index.js"])
    assert index["items"]["paths"] == [["caves/", ".png"]]
    assert index["items"]["preview"] == [0, 0, -1]


def test_captions_are_in_the_index_for_those_that_have_any_and_equal_ones_once() -> None:
    pair = [("ann", 0, 32, 40), ("bob", 40, 32, 40)]
    index = data_of(build([item(1), item(2, captions=pair), item(3, captions=list(pair))])["gallery/data-index.js"])
    assert index["items"]["captioned"] == {"1": 0, "2": 0}
    assert index["items"]["captions"] == [[["ann", 0, 32, 40], ["bob", 40, 32, 40]]]


def test_layers_and_colors_wait_in_the_chunk() -> None:
    made = item(1, layers=[("body", "a/b.png"), ("cloak", "a/c.png")], colors=["#a04030"])
    files = build([made, item(2)])
    first, second = data_of(files["gallery/data-0000.js"])["items"]
    assert first["layers"] == [["body", "a/b.png"], ["cloak", "a/c.png"]]
    assert first["colors"] == ["#a04030"]
    assert (second["layers"], second["colors"]) == ([], [])
    assert b"a/c.png" not in files["gallery/data-index.js"]


def test_metrics_become_columns_of_numbers_or_words() -> None:
    columns = Columns()
    columns.add({"n": 3, "f": 1 / 3, "word": "ring", "mixed": 1, "flag": True, "bad": math.nan})
    columns.add({"n": 2**70, "word": "tree", "mixed": "none", "flag": False, "bad": math.inf})
    columns.add({"word": "ring", "late": 7})
    found = {column.pop("name"): column for column in columns.columns()}
    assert found == {
        "n": {"numbers": [3, 1180590000000000000000.0, None]},
        "f": {"numbers": [0.333333, None, None]},
        "word": {"words": ["ring", "tree"], "of": [0, 1, 0]},
        "mixed": {"words": ["1", "none"], "of": [0, 1, -1]},
        "flag": {"words": ["yes", "no"], "of": [0, 1, -1]},
        "bad": {"numbers": [None, None, None]},
        "late": {"numbers": [None, None, 7]},
    }


def test_only_params_that_differ_are_columns() -> None:
    files = build([item(1), item(2, params={"difficulty": 0.8, "game": "dungeon", "min": {"enemy": 3}})])
    assert set(columns_of(files, "params")) == {"difficulty"}
    assert set(columns_of(files, "metrics")) == {"path_length", "shape"}
    assert columns_of(files, "build") == {}


def test_equal_params_are_stored_once_a_chunk() -> None:
    chunk = data_of(build([item(k) for k in range(1, 51)])["gallery/data-0000.js"])
    assert chunk["params"] == [{"difficulty": 0.4, "game": "dungeon"}]
    assert {row["params"] for row in chunk["items"]} == {0}


def test_failures_are_counted_even_when_nothing_was_made() -> None:
    failures = (
        GalleryFailure("caves", 1, "path_length", "too short"),
        GalleryFailure("crypt", 4, "path_length", "too short"),
    )
    index = data_of(build([], failures)["gallery/data-index.js"])
    assert index["failures"] == {
        "rows": [[0, 1, 0, 0], [1, 4, 0, 0]],
        "constraints": ["path_length"],
        "messages": ["too short"],
    }
    assert index["items"]["ids"] == []


def test_every_script_is_used_and_short() -> None:
    assert {path.name for path in ASSETS.glob("*.js")} == set(SCRIPTS)
    for path in ASSETS.iterdir():
        assert len(path.read_text("utf-8").splitlines()) <= 500, path.name


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_scripts_never_make_elements_from_text(name: str) -> None:
    text = (ASSETS / name).read_text("utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc|fetch\(", text
    )
