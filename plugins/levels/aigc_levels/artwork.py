"""The drawing behind the default tileset: palette, textures, pixel art, floor, walls and water, tile by tile.

Only `aigc_levels.atlas` uses this, to bake the atlas; nothing here runs while levels are made. A tile is a
uint8 array ``(16, 16)`` of palette indices, index 0 transparent. Light falls from the north-west.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SPRITES = Path(__file__).parent / "assets" / "sprites.txt"
SIZE = 16  # pixels a tile
CAP = 6  # rows of a wall's top that remain above its front
N, NE, E, SE, S, SW, W, NW = (1 << bit for bit in range(8))  # of a blob mask
Y, X = np.mgrid[0:SIZE, 0:SIZE]
HERE = np.s_[SIZE : 2 * SIZE, SIZE : 2 * SIZE]  # the middle one of 3 x 3 cells

RAMPS = {  # from dark to light: the characters of sprites.txt, then the colors
    "clear": (".", "000000"),
    "outline": ("#", "0f0a14"),
    "void": ("X", "08070c"),
    "stone": ("01234567", "15121d 221d30 342d48 4a4164 655c83 857ca1 aca5bd d8d4e0"),
    "floor": ("abcdefg", "241b1d 35292a 483a39 5a4944 6b5850 7f6b5d 9c876f"),
    "green": ("hijkl", "21402c 34622f 568f3c 8cc64f ccec7c"),
    "water": ("mnopqr", "0f2140 143a60 1a5685 2580a6 4fb4c8 b4ecea"),
    "wood": ("stuvw", "2f1811 4f2a19 774422 a3642f d08e4a"),
    "gold": ("ABCDE", "7a4813 b8791d efb530 ffe278 fff8d2"),
    "iron": ("FGHIJ", "23252f 3f4452 697180 a2abb7 e6ecef"),
    "bone": ("xyz", "8d7f6a c9bda0 f2ead2"),
    "red": ("PQRS", "4b0f1b 8b1c28 cd3b34 f67b5c"),
    "purple": ("TUVW", "2f1743 58297b 8e4cb9 c88ce8"),
    "fire": ("Z", "ff8a2e"),
}
KEYS = "".join(keys for keys, _ in RAMPS.values())
INDEX = {key: place for place, key in enumerate(KEYS)}
RECOLORED = {"ruby": ("gem", "opqr", "PQRS"), "elixir": ("potion", "PQRS", "hijk")}

FLAGSTONES = [
    "AAAAABBBBBBCCCCC",
    "AAAAABBBBBBCCCCC",
    "AAAAABBBBBBCCCCC",
    "AAAAABBBBBBCCCCC",
    "DDDDDBBBBBBEEEED",
    "DDDDDFFFFEEEEEED",
    "DDDDDFFFFEEEEEED",
    "DDDDDFFFFEEEEEED",
    "DDDDDFFFFEEEEEED",
    "HHHGGGGGGGEEEEEH",
    "HHHGGGGGGGIIIIIH",
    "HHHGGGGGGGIIIIIH",
    "HHHGGGGGGGIIIIIH",
    "HHHJJJJJKKIIIIIH",
    "AAAJJJJJKKKCCCCC",
    "AAAJJJJJKKKCCCCC",
]  # the stones of 2 x 2 floor tiles, a letter for 2 x 2 pixels; they continue around the edges
PALE_STONES = "BDGK"
PEBBLE = "agga gfea aaaa"


class Texture:
    """Perlin noise that repeats, rounded so that the last bits of a processor seldom matter.

    Raises:
        SystemExit: the package ``noise`` is missing.
    """

    def __init__(self) -> None:
        try:
            from noise import pnoise2
        except ImportError:
            sys.exit(
                "drawing the tileset needs the package noise, which pip builds with gcc and Python's headers:\n"
                "  apt-get install gcc python3-dev && pip install noise==1.2.2"
            )
        self._pnoise2: Callable[..., float] = pnoise2

    def __call__(self, seed: int, bump: float, *, across: int = SIZE, octaves: int = 2) -> Field:
        """Noise within about +-1, ``(across, across)``, with bumps of about ``bump`` pixels."""
        count = max(1, round(across / bump))
        more = {"octaves": octaves, "repeatx": count, "repeaty": count, "base": seed}
        steps = [(place + 0.5) * count / across for place in range(across)]
        return np.round(np.array([[self._pnoise2(x, y, **more) for x in steps] for y in steps]) * 1.6, 3)


def palette() -> Pixels:
    """The colors, uint8 ``(N, 4)`` RGBA; the first is transparent, the others are opaque."""
    colors = [bytes.fromhex(color) for _, ramp in RAMPS.values() for color in ramp.split()]
    return np.array([[*color, 255 if place else 0] for place, color in enumerate(colors)], np.uint8)


def sprites() -> dict[str, Pixels]:
    """The pixel art of ``sprites.txt`` by name, and its recolored copies."""
    rows: dict[str, list[list[int]]] = {}
    names: list[str] = []
    for line in SPRITES.read_text(encoding="utf-8").splitlines():
        if line.startswith("="):
            names = line[1:].split()
        elif line and not line.startswith(";"):
            for name, row in zip(names, line.split(), strict=True):
                rows.setdefault(name, []).append([INDEX[key] for key in row])
    art = {name: np.array(lines, np.uint8) for name, lines in rows.items()}
    for name, (model, keys, others) in RECOLORED.items():
        colors = np.arange(len(KEYS), dtype=np.uint8)
        colors[[INDEX[key] for key in keys]] = [INDEX[key] for key in others]
        art[name] = colors[art[model]]
    return art


def over(ground: Pixels, sprite: Pixels) -> Pixels:
    """The sprite drawn over the ground."""
    return np.where(sprite == 0, ground, sprite)


def from_ramp(ramp: str, level: Field) -> Pixels:
    """Palette indices by level: 0 is the darkest of the ramp; rounded and clipped."""
    keys = RAMPS[ramp][0]
    return (INDEX[keys[0]] + np.clip(np.floor(level + 0.5), 0, len(keys) - 1)).astype(np.uint8)


def stepped(tile: Pixels, steps: npt.NDArray[np.int64] | int) -> Pixels:
    """Each pixel some steps up (below 0: down) its own ramp, not beyond its ends."""
    low, high = np.zeros(len(KEYS), np.int64), np.zeros(len(KEYS), np.int64)
    for keys, _ in RAMPS.values():
        places = [INDEX[key] for key in keys]
        low[places], high[places] = places[0], places[-1]
    moved: Pixels = np.clip(tile.astype(np.int64) + steps, low[tile], high[tile]).astype(np.uint8)
    return moved


def shaded(tile: Pixels, shade: str) -> Pixels:
    """The tile in the shadow of walls.

    ``shade``: ``none``; ``n``, ``w`` or ``nw`` for walls on these sides; ``w_short`` where the wall in the
    west ends at the north-west; ``corner`` where there is a wall in the north-west alone.
    """
    mixed = (X + Y) % 2
    north = np.select([Y < 3, Y == 3, Y < 5, Y == 5], [2 + 0 * Y, 1 + mixed, 1 + 0 * Y, mixed], 0)
    west = np.select([X < 2, X == 2, X < 4, X == 4], [2 + 0 * X, 1 + mixed, 1 + 0 * X, mixed], 0)
    steps = {"none": 0 * Y, "n": north, "nw": np.maximum(north, west), "w": west}
    steps |= {"w_short": np.where(Y > X + 2, west, 0), "corner": np.minimum(north, west)}
    return stepped(tile, -steps[shade])


def floor(texture: Texture, kinds: list[str]) -> list[list[Pixels]]:
    """The four tiles of the flagstone floor (row by row of 2 x 2), each in all ``kinds`` of wear."""
    letters = np.array([list(row) for row in FLAGSTONES]).repeat(2, axis=0).repeat(2, axis=1)
    gap = (np.roll(letters, -1, 0) != letters) | (np.roll(letters, -1, 1) != letters)
    edge = ((np.roll(letters, 1, 0) != letters) | (np.roll(letters, 1, 1) != letters)) & ~gap
    grain, broad = texture(4, 2.3, across=32, octaves=1), texture(3, 9, across=32)
    level = np.where(np.isin(letters, list(PALE_STONES)), 4.0, 3.0)
    level += np.where(grain > 0.62, -1, 0) + np.where((grain < -0.75) & (broad > 0), 1, 0)
    level += np.where(edge & (broad > -0.1), 1, 0)
    level = np.where(gap, np.where(broad > -0.2, 2, 1), level)
    tiles = []
    for top, left in product((0, SIZE), repeat=2):
        here = np.s_[top : top + SIZE, left : left + SIZE]
        plain = from_ramp("floor", level[here])
        tiles.append([worn(texture, plain, gap[here], kind, 2 * top + left) for kind in kinds])
    return tiles


def worn(texture: Texture, plain: Pixels, gap: Bools, kind: str, seed: int) -> Pixels:
    """A floor tile plain, worn, cracked, chipped, mossy, overgrown or with rubble; ``gap`` is where stones meet."""
    rng = random.Random(f"{kind} {seed}")
    tile = plain.copy()
    if kind == "worn":
        tile = np.where((texture(20 + seed, 6) > 0.3) & ~gap, stepped(tile, -1), tile)
    elif kind == "cracked":
        y, x = rng.randrange(2, 5), rng.randrange(3, 10)
        for _ in range(10):
            tile[y, x], tile[y, x + 1] = INDEX["b"], max(tile[y, x + 1], INDEX["e"])
            y, x = min(y + rng.choice((0, 1, 1)), 14), min(max(x + rng.choice((-1, 1, 1)), 1), 14)
    elif kind == "chipped":
        for _ in range(3):
            y, x = rng.randrange(2, 14), rng.randrange(2, 13)
            tile[y, x : x + 2], tile[y + 1, x : x + 2] = INDEX["b"], INDEX["f"]
    elif kind in ("mossy", "overgrown"):
        for _ in range(3 if kind == "mossy" else 6):
            y, x, high, wide = (
                rng.randrange(3, 13),
                rng.randrange(3, 13),
                rng.uniform(1, 2.6),
                rng.uniform(1.5, 3.6),
            )
            growth = 1 - np.hypot((Y - y) / high, (X - x) / wide) + 0.5 * texture(41 + seed, 3)
            tile = np.where(growth > 0, INDEX["h"], tile)
            tile = np.where(growth > 0.2, INDEX["i"], tile)
            tile = np.where((growth > 0.45) & ((X + Y) % 3 == 0), INDEX["j"], tile)
    elif kind == "rubble":
        pebble = np.array([[INDEX[key] for key in row] for row in PEBBLE.split()], np.uint8)
        for _ in range(3):
            y, x = rng.randrange(2, 12), rng.randrange(2, 12)
            pebble[0, [0, 3]], pebble[2, 0] = (
                tile[y, [x, x + 3]],
                tile[y + 2, x],
            )  # its corners are the floor's
            tile[y : y + 3, x : x + 4] = pebble
    return tile.astype(np.uint8)


def wall(texture: Texture, mask: int, *, seed: int = 0, fade: bool = False) -> Pixels:
    """A wall with the blob mask ``mask``: its lit top, and its front where nothing joins in the south.

    The top is a rim of coping stones whose inside darkens with the distance from where the wall ends, so that
    a mass of rock is dark and its border bright; since a blob mask knows all within a cell's reach, neighbors
    fit. ``seed`` varies the bricks and the dark inside; with ``fade`` the front sinks into the dark.
    """
    is_open = _apart_from(mask)
    for column, below in enumerate((mask & SW, mask & S, mask & SE)):
        if not below or not mask & S:  # there is a front, and it is lower than the top
            is_open[SIZE + CAP : 2 * SIZE, column * SIZE : (column + 1) * SIZE] = True
    ys, xs = np.nonzero(is_open)
    apart = np.full((SIZE, SIZE), 99.0)
    if len(ys):
        apart = np.hypot(Y[..., None] + SIZE - ys, X[..., None] + SIZE - xs).min(axis=2)
    rough, fine = texture(11, 4), texture(12 + seed, 2.2, octaves=1)
    coping = 4.3 + 0.5 * rough - 1.3 * ((X + np.where(Y < 8, 0, 4)) % 8 == 7)
    core = np.clip(4.0 - (apart - 5.4) * 0.3, 0, 3) + np.where(apart < 18, 0.45 * rough + 0.3 * fine, 0)
    core = np.where((apart >= 18) & (fine + rough > 0.9) & (seed > 0), 1, core)
    level = np.where(apart < 5, coping, np.where(apart < 6, 2.0, core))
    level = np.where(apart < 2.3, 5.4 + 0.4 * rough, level)
    tile = np.where(apart < 1.5, INDEX["#"], from_ramp("stone", level))
    beside = [np.roll(is_open, shift, (0, 1))[HERE] for shift in ((1, 0), (0, 1), (0, -1))]
    lip = np.roll(is_open, -1, 0)[HERE] & ~np.logical_or.reduce(beside)
    tile = np.where(lip, from_ramp("stone", 6.3 + 0.4 * fine), tile).astype(np.uint8)
    if not mask & S:
        tile[CAP:] = _front(texture, mask, seed, fade=fade)[CAP:]
    return tile


def _front(texture: Texture, mask: int, seed: int, *, fade: bool) -> Pixels:
    """The front of a wall: under the edge of its top (rows from CAP on), two courses of bricks."""
    y = Y - CAP
    course, row = (y - 1) // 4, (y - 1) % 4
    gap = (row == 3) | ((X + np.where(course % 2 == 0, 0, 4)) % 8 == 7)
    level = 3.2 + 0.6 * texture(31 + seed, 4) - 0.35 * course + 0.8 * (row == 0)
    level = np.where(gap, 1.3, level)
    level = np.where(y == 0, 1.2, level)
    level = np.where(y == SIZE - CAP - 1, 0.0, level)
    if fade:
        level = level * np.clip(1 - (y - 1) / 8.5, 0, 1) - 0.2
    ends = ((X == SIZE - 1) & (not mask & E)) | ((X == 0) & (not mask & W))
    return np.where(ends, INDEX["#"], from_ramp("stone", level)).astype(np.uint8)


def decorated_walls(texture: Texture, mask: int, art: dict[str, Pixels]) -> list[Pixels]:
    """Six more looks of a straight wall's front: three of other bricks, moss, a torch, a banner."""
    tiles = [wall(texture, mask, seed=seed) for seed in (1, 2, 3)]
    growth = texture(61, 6, octaves=3) + (Y - 9) * 0.06
    mossy = tiles[0].copy()
    for key, least in zip("hi", (0.3, 0.55), strict=True):
        mossy[(growth > least) & (Y > CAP) & (Y < SIZE - 1)] = INDEX[key]
    from_flame = np.hypot(Y - 7, X - 7.5)
    glow = (from_flame < 5) | ((from_flame < 7) & ((X + Y) % 2 == 1))
    lit = np.where(glow & (Y >= CAP), stepped(tiles[1], 1), tiles[1])
    return [*tiles, mossy, over(lit, art["torch"]), over(tiles[2], art["banner"])]


def water(texture: Texture, mask: int, *, seed: int = 0) -> Pixels:
    """Water with the blob mask ``mask`` in a stone rim with round corners, whose inside shows in the north.

    ``seed`` above 0 brings ripples.
    """
    land = _apart_from(mask)
    pool = _grown(~_grown(land, 7), 4.5) & ~land  # opened by a disc: corners turn round
    inside = pool & np.logical_or.reduce([np.roll(~pool, drop, 0) for drop in range(1, 5)])
    wet = pool & ~inside
    foam, bright, shallow = ((wet & _grown(~wet, radius))[HERE] for radius in (1.5, 2.5, 5))
    level = np.full((SIZE, SIZE), 2.0)
    rng = random.Random(f"ripples {seed}")
    for _ in range(3 if seed else 0):
        y, x, long = rng.randrange(2, 14), rng.randrange(1, 9), rng.randrange(3, 6)
        level[y, x : x + long], level[y + 1, x + 1 : x + long + 1] = 3, 1
        level[y, x + 1 : x + long - 1] = 4
    level = np.where(shallow, np.maximum(level, 2) + (texture(52, 3) > 0.2), level)
    level = np.where(bright, 3, level)
    level = np.where(foam, np.where(texture(53, 4) > -0.1, 4, 5), level)
    stone = 4.4 + 0.6 * texture(54, 4) - 1.2 * ((X + Y // 8 * 4) % 8 == 7)
    stone = np.where(_grown(land, 1.5)[HERE], 1.5, stone)
    stone = np.where(_grown(pool, 1.5)[HERE], 5.6, stone)
    bank = np.where(np.roll(~pool, 1, 0)[HERE], 0.0, 2.2 + 0.5 * texture(55, 3) - ((X + 2) % 6 == 0))
    tile = np.where(pool[HERE], from_ramp("water", level), from_ramp("floor", stone))
    return np.where(inside[HERE], from_ramp("floor", bank), tile)


def _apart_from(mask: int) -> Bools:
    """A cell and its eight neighbors, ``(48, 48)`` pixels: where nothing joins by the blob mask."""
    joins = [[mask & NW, mask & N, mask & NE], [mask & W, 1, mask & E], [mask & SW, mask & S, mask & SE]]
    apart: Bools = (np.array(joins) == 0).repeat(SIZE, 0).repeat(SIZE, 1)
    return apart


def _grown(region: Bools, radius: float) -> Bools:
    """The region and every pixel nearer to it than ``radius``; edges wrap, so trust the inner pixels only."""
    reach = range(-int(radius), int(radius) + 1)
    disc = [step for step in product(reach, reach) if step[0] ** 2 + step[1] ** 2 < radius**2]
    grown: Bools = np.logical_or.reduce([np.roll(region, step, (0, 1)) for step in disc])
    return grown
