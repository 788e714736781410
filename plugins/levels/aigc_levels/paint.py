"""From a level's grid to tile numbers, and from these to a picture.

`tile_layers` decides which tile of the tileset each cell shows; the Tiled exporter writes these numbers (plus
one) and `render` draws them, so both always show the same. All choices are integer arithmetic on positions:
the same grid, tileset and salt give the same numbers and the same bytes on every machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aigc_content import encode_png
from aigc_levels.tileset import BLOB47, DIRECTIONS, Rule, Sheet, Tile, Tileset, reduced_mask

Grid = npt.NDArray[np.uint8]
Layer = npt.NDArray[np.int32]
_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]

_STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))  # (dy, dx) of DIRECTIONS
_BLOB_ROW = np.array([BLOB47.index(reduced_mask(mask)) for mask in range(256)], np.int64)


def tile_layers(grid: Grid, names: Sequence[str], tileset: Tileset, salt: int = 0) -> list[Layer]:
    """The tile numbers that show a level.

    Args:
        grid: uint8 ``(H, W)``, a code in ``names`` for each cell.
        names: the game's tile names by code, at most 255.
        tileset: what `load_tileset` returned; it must have a tile for every one of ``names``.
        salt: any integer; another one chooses other variants (give each level its own).

    Returns:
        Two int32 arrays ``(H, W)``, from the bottom up: the ground, and the objects, with -1 where there is
        none.

    Raises:
        ValueError: the grid is not of this form.
        InputError: L026, a name has no tile.
    """
    _check_grid(grid, names)
    tileset.require(names)
    plan = _plan(tileset)
    cells = plan.ids(names)[grid]
    height, width = cells.shape
    framed = np.pad(cells, 1, mode="edge")
    around = np.stack([framed[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in _STEPS])
    layers = []
    for shown in (plan.ground[cells], np.where(plan.is_object[cells], cells, -1)):
        layer = np.full(cells.shape, -1, np.int32)
        for tile in np.unique(shown[shown >= 0]):
            ys, xs = np.nonzero(shown == tile)
            layer[ys, xs] = plan.painters[tile].numbers(around[:, ys, xs], ys, xs, salt)
        layers.append(layer)
    return layers


def render(
    grid: Grid,
    names: Sequence[str],
    tileset: Tileset,
    salt: int = 0,
    scale: int = 1,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """A level as a PNG file: indexed if the tileset's picture is, else RGBA.

    Args:
        grid, names, tileset, salt: as for `tile_layers`.
        scale: whole magnification, 1 to 16; pixels stay square.
        text: PNG text entries, as for `aigc_content.png.encode_png`.

    Raises:
        ValueError, InputError: as for `tile_layers`; also a scale out of range.
    """
    if not 1 <= scale <= 16:
        raise ValueError(f"scale must be 1 to 16, not {scale}")
    pixels = compose(tile_layers(grid, names, tileset, salt), tileset.sheet)
    if scale > 1:
        pixels = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    return encode_png(pixels, tileset.sheet.palette, text)


def compose(layers: Sequence[Layer], sheet: Sheet) -> npt.NDArray[np.uint8]:
    """Draw layers of tile numbers over each other.

    Args:
        layers: int32 ``(H, W)`` each, from the bottom up, -1 where a layer is empty; the lowest has no empty
            cell.
        sheet: the tiles.

    Returns:
        uint8 palette indices ``(H * tile height, W * tile width)``, or RGBA with a last axis of 4.
    """
    picture = sheet.tiles[layers[0]]  # (H, W, tile height, tile width[, 4])
    for layer in layers[1:]:
        at = np.nonzero(layer >= 0)
        over, under = sheet.tiles[layer[at]], picture[at]
        if sheet.palette is not None:
            opaque = sheet.palette[:, 3] != 0
            picture[at] = np.where(opaque[over], over, under)
        else:
            picture[at] = _blend(over, under)
    height, width, tile_height, tile_width = picture.shape[:4]
    rows = np.ascontiguousarray(picture.swapaxes(1, 2))
    return rows.reshape(height * tile_height, width * tile_width, *picture.shape[4:])


def _blend(over: npt.NDArray[np.uint8], under: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """RGBA over RGBA (last axis), not premultiplied, in integers rounded to the nearest."""
    top, low = over.astype(np.int64), under.astype(np.int64)
    top_alpha, low_alpha = top[..., 3:], low[..., 3:]
    share = low_alpha * (255 - top_alpha)  # of 255 * 255
    alpha = 255 * top_alpha + share
    color = top[..., :3] * 255 * top_alpha + low[..., :3] * share
    whole = np.maximum(alpha, 1)
    return np.concatenate([(color + whole // 2) // whole, (alpha + 127) // 255], axis=-1).astype(np.uint8)


class _Painter:
    """One look, or one tile with its rules, ready for many cells at once."""

    def __init__(self, name: str, part: Tile | Rule, plan: _Plan) -> None:
        looks = part.looks()
        longest = max(len(look.variants) for look in looks)
        self.tiles = np.array([look.variants + look.variants[:1] * (longest - len(look.variants)) for look in looks])
        weights = np.zeros((len(looks), longest), np.int64)
        for row, look in zip(weights, looks, strict=True):
            row[: len(look.variants)] = look.weights or 1
        self.edges = weights.cumsum(axis=1)  # (looks, longest): where each variant's share ends
        self.name_hash = zlib.crc32(name.encode())
        self.columns = len(part.pattern[0]) if part.pattern else 0
        self.kind = "mask4" if part.mask4 else "blob47" if part.blob47 else "pattern" if part.pattern else ""
        self.joins = plan.members(part.joins or (name,))
        self.rules: list[tuple[list[tuple[int, _Bools]], _Painter]] = []
        for rule in part.rules if isinstance(part, Tile) else ():
            wanted = [(place, getattr(rule.when, direction)) for place, direction in enumerate(DIRECTIONS)]
            tests = [(place, plan.members(others)) for place, others in wanted if others]
            self.rules.append((tests, _Painter(name, rule, plan)))

    def numbers(self, around: _Ints, ys: _Ints, xs: _Ints, salt: int) -> _Ints:
        """Tile numbers (n,) of the cells at ``ys``, ``xs`` with the neighbors ``around`` (8, n)."""
        chosen = self._own(around, ys, xs, salt)
        open_ = np.ones(len(ys), np.bool_)
        for tests, painter in self.rules:
            fits = open_.copy()
            for place, members in tests:
                fits &= members[around[place]]
            if fits.any():
                chosen[fits] = painter.numbers(around[:, fits], ys[fits], xs[fits], salt)
                open_ &= ~fits
        return chosen

    def _own(self, around: _Ints, ys: _Ints, xs: _Ints, salt: int) -> _Ints:
        rows = np.zeros(len(ys), np.int64)
        if self.kind == "pattern":
            rows = ys % (len(self.tiles) // self.columns) * self.columns + xs % self.columns
        elif self.kind == "mask4":
            rows = (self.joins[around[::2]] << np.arange(4)[:, None]).sum(axis=0)
        elif self.kind == "blob47":
            rows = _BLOB_ROW[(self.joins[around] << np.arange(8)[:, None]).sum(axis=0)]
        if self.edges.shape[1] == 1:
            only: _Ints = self.tiles[rows, 0]
            return only
        edges = self.edges[rows]
        draw = _hash(ys, xs, salt ^ self.name_hash) * edges[:, -1] >> 32
        chosen: _Ints = self.tiles[rows, (draw[:, None] >= edges).sum(axis=1)]
        return chosen


class _Plan:
    """A tileset turned into tables by tile, in the order of its YAML file."""

    def __init__(self, tileset: Tileset) -> None:
        self.number = {name: place for place, name in enumerate(tileset.tiles)}
        tiles = list(tileset.tiles.items())
        self.is_object = np.array([tile.layer == "object" for _, tile in tiles])
        self.ground = np.array([self.number[tile.under or name] for name, tile in tiles])
        self.painters = [_Painter(name, tile, self) for name, tile in tiles]

    def ids(self, names: Sequence[str]) -> _Ints:
        """The tileset's number of each of the game's names."""
        return np.array([self.number[name] for name in names])

    def members(self, names: Sequence[str]) -> _Bools:
        """For every tile, whether it or the tile under it is one of ``names``."""
        listed = np.zeros(len(self.number), np.bool_)
        listed[[self.number[name] for name in names]] = True
        either: _Bools = listed | listed[self.ground]
        return either


def _plan(tileset: Tileset) -> _Plan:
    plan = tileset._cache.get("plan")
    if not isinstance(plan, _Plan):
        plan = tileset._cache["plan"] = _Plan(tileset)
    return plan


def _hash(ys: _Ints, xs: _Ints, salt: int) -> _Ints:
    """32 well-mixed bits a cell, in int64 (the finalizer of MurmurHash3 on position and salt)."""
    mixed = xs.astype(np.uint32) * np.uint32(0x9E3779B1) + ys.astype(np.uint32) * np.uint32(0x85EBCA77)
    mixed ^= np.uint32(salt & 0xFFFFFFFF)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed.astype(np.int64)


def _check_grid(grid: Grid, names: Sequence[str]) -> None:
    if not isinstance(grid, np.ndarray) or grid.dtype != np.uint8 or grid.ndim != 2 or 0 in grid.shape:
        found = f"{grid.dtype} {grid.shape}" if isinstance(grid, np.ndarray) else type(grid).__name__
        raise ValueError(f"a grid is a uint8 array (H, W) that is not empty, not {found}")
    if int(grid.max()) >= len(names):
        raise ValueError(f"the grid holds code {int(grid.max())}, but there are {len(names)} tile names")
