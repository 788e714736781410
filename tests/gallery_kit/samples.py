"""A pretended build: dungeons painted here, with figures measured on them, as the gallery would get them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content.canonical import sha256
from aigc_content.gallery import GalleryFailure, GalleryItem, gallery_files
from aigc_content.png import encode_png

TILE = 16
WALL, FLOOR, LOOT, ENEMY, DOOR, KEY, START, EXIT = range(8)
Grid = npt.NDArray[np.uint8]
Cell = tuple[int, int]


@dataclass(frozen=True)
class Dungeon:
    """Cells, and the winning path through them."""

    cells: Grid  # (H, W)
    path: tuple[Cell, ...]


def dungeon(seed: int, width: int = 32, height: int = 24) -> Dungeon:
    """Rooms joined by corridors, things in them, a start and an exit far apart."""
    rng = np.random.default_rng(seed)
    cells = np.full((height, width), WALL, np.uint8)
    middles: list[Cell] = []
    for _ in range(60):
        w, h = int(rng.integers(4, 9)), int(rng.integers(3, 7))
        x, y = int(rng.integers(1, width - w - 1)), int(rng.integers(1, height - h - 1))
        if (cells[y - 1 : y + h + 1, x - 1 : x + w + 1] == WALL).all():
            cells[y : y + h, x : x + w] = FLOOR
            middles.append((y + h // 2, x + w // 2))
    for (y0, x0), (y1, x1) in pairwise(middles):
        cells[y0, min(x0, x1) : max(x0, x1) + 1] = FLOOR
        cells[min(y0, y1) : max(y0, y1) + 1, x1] = FLOOR
    start = middles[0]
    far = _distances(cells, start)
    end = max(far, key=lambda cell: (far[cell], cell))
    floor = [cell for cell in far if cell not in (start, end)]
    places = iter(rng.permutation(len(floor)))
    for kind, many in ((ENEMY, int(rng.integers(2, 12))), (LOOT, int(rng.integers(1, 9))), (KEY, 1)):
        for _ in range(many):
            cells[floor[next(places)]] = kind
    cells[start], cells[end] = START, EXIT
    path = [end]
    while path[-1] != start:
        path.append(min(_beside(cells, path[-1]), key=lambda cell: (far[cell], cell)))
    return Dungeon(cells, tuple(reversed(path)))


def _beside(cells: Grid, cell: Cell) -> Iterator[Cell]:
    for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        near = (cell[0] + step[0], cell[1] + step[1])
        if cells[near] != WALL:
            yield near


def _distances(cells: Grid, start: Cell) -> dict[Cell, int]:
    found = {start: 0}
    line = deque([start])
    while line:
        cell = line.popleft()
        for near in _beside(cells, cell):
            if near not in found:
                found[near] = found[cell] + 1
                line.append(near)
    return found


@cache
def _tiles(theme: int) -> npt.NDArray[np.uint8]:
    """(variants 8, kinds 8, 16, 16, 3): the tiles of one of four themes."""
    stone, ground = [
        ((72, 66, 92), (44, 39, 54)),
        ((86, 96, 74), (48, 54, 44)),
        ((112, 78, 60), (58, 44, 40)),
        ((70, 96, 116), (36, 48, 60)),
    ][theme % 4]
    rng = np.random.default_rng(theme)
    y, x = np.mgrid[0:TILE, 0:TILE]
    tiles = np.zeros((8, 8, TILE, TILE, 3), np.float64)
    for variant in range(8):
        grain = rng.normal(0, 4, (TILE, TILE, 1))
        brick = ((y % 6 == 0) | ((x + (y // 6 % 2) * 5 + variant) % 10 == 0))[..., None]
        tiles[variant, WALL] = np.array(stone) + grain - brick * 26 + (y % 6 == 1)[..., None] * 10
        slab = ((x == 0) | (y == 0))[..., None]
        tiles[variant, :] = np.where(
            np.arange(8)[:, None, None, None] == WALL,
            tiles[variant, WALL],
            np.array(ground) + grain * 0.7 - slab * 7,
        )
        blobs = {
            LOOT: ((x - 7.5) ** 2 + (y - 8.5) ** 2 < 14, (232, 190, 74)),
            ENEMY: ((abs(x - 7.5) + abs(y - 8) < 6.5) & (y < 13), (196, 62, 76)),
            KEY: (((x - 5) ** 2 + (y - 8) ** 2 < 9) | ((y == 8) & (x > 6) & (x < 14)), (240, 224, 120)),
            START: ((abs(x - 7.5) < 5) & (abs(y - 7.5) < 5), (84, 150, 232)),
            EXIT: ((abs(x - 7.5) < 6) & (abs(y - 7.5) < 6) & ((x + y) % 4 < 2), (96, 214, 140)),
        }
        for kind, (mask, color) in blobs.items():
            light = 1.12 - (y / TILE) * 0.35
            tiles[variant, kind] = np.where(mask[..., None], np.array(color) * light[..., None], tiles[variant, kind])
        eyes = ((y == 7) & ((x == 6) | (x == 9)))[..., None]
        tiles[variant, ENEMY] = np.where(eyes, 250, tiles[variant, ENEMY])
    return np.clip(tiles, 0, 255).astype(np.uint8)


def picture(level: Dungeon, theme: int) -> bytes:
    """The level as a PNG, 16 pixels a cell."""
    cells = level.cells
    height, width = cells.shape
    rows, columns = np.mgrid[0:height, 0:width]
    inside = _tiles(theme)[(rows * 7 + columns * 3) % 8, cells]  # (H, W, 16, 16, 3)
    floor = np.pad(cells != WALL, 1)
    near = np.zeros(cells.shape, bool)
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            near |= floor[dy : dy + height, dx : dx + width]
    inside[~near] = (18, 16, 22)  # rock that no one sees
    pixels = inside.transpose(0, 2, 1, 3, 4).reshape(height * TILE, width * TILE, 3)
    packed = (pixels // 12).astype(np.uint32) @ np.array([1024, 32, 1], np.uint32)  # (H, W): 5 bits a channel
    found, indices = np.unique(packed, return_inverse=True)
    if len(found) > 256:
        return encode_png(np.ascontiguousarray(pixels))
    palette = np.stack([found >> 10, found >> 5 & 31, found & 31], axis=1) * 12
    return encode_png(indices.reshape(packed.shape).astype(np.uint8), palette.astype(np.uint8))


def path_svg(level: Dungeon) -> str:
    """The winning path as an overlay: its viewBox is the picture's size."""
    height, width = level.cells.shape
    points = " ".join(f"{x * TILE + 8},{y * TILE + 8}" for y, x in level.path)
    (y0, x0), (y1, x1) = level.path[0], level.path[-1]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * TILE} {height * TILE}">'
        f'<g fill="none" stroke-linejoin="round"><polyline points="{points}" stroke="#0008" stroke-width="6"/>'
        f'<polyline points="{points}" stroke="#ffe066" stroke-width="3"/></g>'
        f'<circle cx="{x0 * TILE + 8}" cy="{y0 * TILE + 8}" r="5" fill="#5496e8" stroke="#000"/>'
        f'<circle cx="{x1 * TILE + 8}" cy="{y1 * TILE + 8}" r="5" fill="#60d68c" stroke="#000"/></svg>'
    )


def sprite(seed: int, size: int = 24) -> bytes:
    """A small symmetrical creature with a clear ground."""
    rng = np.random.default_rng(seed)
    half = rng.random((size, size // 2))
    y, x = np.mgrid[0:size, 0 : size // 2]
    body = half + 0.9 - np.hypot((size / 2 - x) / size * 2.1, (y - size / 2) / size * 2) > 0.75
    shades = np.where(body, 1 + (half * 3).astype(int), 0)
    indices = np.concatenate([shades, shades[:, ::-1]], axis=1).astype(np.uint8)
    hue = rng.integers(60, 230, 3)
    palette = np.array([[0, 0, 0, 0], *[[*(hue * light).astype(int), 255] for light in (0.45, 0.75, 1.0, 1.1)]])
    return encode_png(indices, np.clip(palette, 0, 255).astype(np.uint8))


_LINES = ("The well is dry.", "Bring me the silver key.", "They came at night.", "You again?", "Do not go below.")


def talk(seed: int) -> str:
    """A page of dialogue, with a script that must never run."""
    rng = np.random.default_rng(seed)
    lines = "".join(f"<p><b>{'Mara' if k % 2 else 'Guard'}</b> {_LINES[int(rng.integers(5))]}</p>" for k in range(6))
    return (
        '<!doctype html><meta charset="utf-8"><style>body{font:16px/1.5 Georgia,serif;padding:24px}</style>'
        f"{lines}<script>parent.document.title = 'taken'; document.body.textContent = 'script ran'</script>"
    )


def levels(count: int, distinct: int | None = None) -> Iterator[tuple[GalleryItem, bytes]]:
    """``count`` items in three jobs with their pictures, of which ``distinct`` (default all) are painted."""
    painted: dict[int, tuple[Dungeon, bytes, str]] = {}
    third = -(-count // 3)
    for place in range(count):
        number, index = place // third, place % third + 1
        job = ("caves", "crypt", "keep")[number]
        seed = place % distinct if distinct else place
        if seed not in painted:
            level = dungeon(seed)
            painted[seed] = (level, picture(level, (seed * 7) % 4), path_svg(level))
        level, png, overlay = painted[seed]
        rng = np.random.default_rng(place + 10_000)
        cells, steps = level.cells, len(level.path) - 1
        floor = cells != WALL
        on_path = sum(int(cells[cell] == ENEMY) for cell in level.path)
        name = f"{job}-{index:06d}"
        yield (
            GalleryItem(
                id=name,
                job=job,
                index=index,
                params={"game": "dungeon", "width": 32, "height": 24, "difficulty": (0.2, 0.5, 0.8)[number]},
                metrics={
                    "path_length": steps + int(rng.integers(0, 5)),
                    "reachable": round(float(1 - rng.beta(1.2, 14)), 4),
                    "dead_ends": int(rng.poisson(4 + number * 2)),
                    "enemies": int((cells == ENEMY).sum()),
                    "enemies_on_path": on_path,
                    "loot": int((cells == LOOT).sum()),
                    "openness": round(float(floor.mean()), 4),
                    "symmetry": round(float((floor == floor[:, ::-1]).mean()), 4),
                    "nearest_training": round(float(rng.beta(9, 14)), 5),
                    "rooms": int(rng.poisson(7)),
                    "first_draw": ("drawn", "re-masked", "repaired")[int(rng.choice(3, p=(0.78, 0.19, 0.03)))],
                    "shape": ("ring", "tree", "hub", "line")[int(rng.integers(4))],
                },
                files=[f"{job}/{name}.level.json", f"{job}/{name}.tmj", f"{job}/{name}.png", f"{job}/tileset.png"],
                preview=f"{job}/{name}.png",
                overlay=overlay,
                attempts=1 + int(rng.geometric(0.8) - 1),
                license="CC0-1.0",
                digest=sha256(name.encode()),
            ),
            png,
        )


def failures(count: int) -> Iterator[GalleryFailure]:
    """Slots that could not be filled, for a few reasons."""
    rng = np.random.default_rng(5)
    for place in range(count):
        kind = int(rng.choice(4, p=(0.55, 0.25, 0.15, 0.05)))
        constraint = ("path_length", "enemies_min", "reachable", "duplicate")[kind]
        message = (
            f"the shortest winning path has {int(rng.integers(20, 24))} steps, asked are at least 40",
            f"{int(rng.integers(1, 4))} enemies fit, asked are at least 12",
            "the exit cannot be reached: no key opens the door at 14, 9",
            "equal to a level with a lower index of this job",
        )[kind]
        yield GalleryFailure(("caves", "crypt", "keep")[place % 3], 9000 + place, constraint, message)


def write_build(
    out: Path, count: int, *, failed: int = 0, distinct: int | None = None, title: str = "first-levels"
) -> None:
    """A folder as a build leaves it, as far as the gallery needs it; equal pictures are one file with many names."""
    links: dict[bytes, Path] = {}

    def items() -> Iterator[GalleryItem]:
        for item, png in levels(count, distinct):
            path = out / str(item.preview)
            path.parent.mkdir(parents=True, exist_ok=True)
            if png in links:
                path.hardlink_to(links[png])
            else:
                path.write_bytes(png)
                links[png] = path
            yield item

    for name, data in gallery_files(items(), failures(failed), title):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
