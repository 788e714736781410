"""From params to what one attempt shall have: the conditions told to the network, and exact counts of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aigc_content import Stream
from aigc_levels import model as m
from aigc_levels.counts import CountLimit
from aigc_levels.game import Game
from aigc_levels.measure import strain_of
from aigc_levels.params import LevelParams
from aigc_levels.rules import FREE

OBJECT_KINDS = ("enemy", "loot", "trap")
_PASSES = 8
_NEAREST = 48
"""From how many learned maps of the nearest size a wish takes its conditions, at least."""

_ALIKE = 8
"""How much more a learned map counts that is about as difficult as asked."""

_OPEN, _SOLID, _NARROW, _FLOODED = 5, 6, 2, 4
"""From these values of ``open``, ``wall``, ``water`` on a map is a hall, rock, a lake; up to this ``open`` narrow."""

_ROOMS, _HALL, _RAGGED, _CURVED, _STUBS, _WIDE = 3, 6, 5, 5, 5, 4
"""A map of rooms has at least so many ``rooms``; its ``hall``, ``ragged``, ``stubs`` are below. Caves are at least so
``ragged``, and less ``open``."""

_LOCK_CHANCE = ((0.34, 0), (0.67, 500), (1.01, 800))
"""Thousandths of levels with a lock, by difficulty below the first number; where a game has locks."""


@dataclass
class Wish:
    """What one attempt shall have.

    Attributes:
        told: conditions for the network, shape (conditions,).
        counts: cells by tile code for enemies, loot, traps and keys; the sketch's own included.
        limits: every count limit of the params.
        locks: locked doors to set, by tile code.
        strain: strain aimed at, in steps (see `aigc_levels.measure.difficulty`); None leaves it open.
        steps: least and most steps of the winning path.
        grouped: whether objects of a kind are set beside each other more than the model says.
    """

    told: npt.NDArray[np.int64]
    counts: dict[int, int]
    limits: tuple[CountLimit, ...]
    locks: dict[int, int] = field(default_factory=dict)
    strain: int | None = None
    steps: tuple[int, int] = (1, 1 << 16)
    grouped: bool = True


def make_wish(params: LevelParams, templates: npt.NDArray[np.int64], rng: Stream) -> Wish:
    """Draw a wish that meets the params, in the manner of a map that the model has learned from."""
    game = params.rules
    told = _told(params, templates, rng)
    difficulty = params.difficulty
    counts = {code: 0 for code in range(len(game.tiles)) if game.tiles[code].kind in (*OBJECT_KINDS, "key")}
    for kind in OBJECT_KINDS:
        codes, weights = game.choices(kind)
        if codes:
            for _ in range(_amount(int(told[m.INDEX[kind]]), rng)):
                counts[codes[rng.choice(np.array(weights))]] += 1
    locks = _locks(game, params, rng)
    for door, number in locks.items():
        if number:
            counts[_key_of(game, door)] = max(1, counts[_key_of(game, door)])
    _settle(counts, params.count_limits, game, rng)
    for kind in OBJECT_KINDS:
        total = sum(counts[code] for code in counts if game.tiles[code].kind == kind)
        told[m.INDEX[kind]] = m.bucket(total, m.COUNT_EDGES)
    told[m.INDEX["key"]] = m.untold("key")
    told[m.INDEX["exit"]] = m.untold("exit")
    strain = None
    if difficulty is not None:
        strain = strain_of(difficulty) * (params.width + params.height) // 10_000
        told[m.INDEX["difficulty"]] = min(int(difficulty * 10), 9)
    asked = params.path_length
    return Wish(
        told=told,
        counts=counts,
        limits=params.count_limits,
        locks=locks,
        strain=strain,
        steps=(asked.min or 1, asked.max or 1 << 16),
        grouped=params.style != "any",
    )


def _told(params: LevelParams, templates: npt.NDArray[np.int64], rng: Stream) -> npt.NDArray[np.int64]:
    """Conditions of a learned map of about the asked size, with what the params ask put in."""
    rows, columns = -(-params.height // 4), -(-params.width // 4)
    told = np.array([m.untold(name) for name in m.NAMES], dtype=np.int64)
    if len(templates):
        sizes = templates[:, [m.INDEX["rows"], m.INDEX["columns"]]]
        straight = np.abs(sizes - (rows, columns)).sum(axis=1)
        turned = np.abs(sizes - (columns, rows)).sum(axis=1)
        far = np.minimum(straight, turned)
        weights = _worth(templates, params.style)
        if (params.path_length.min or 0) * 4 > (params.width + params.height) * 3:  # long ways need walls
            narrow = weights * (templates[:, m.INDEX["open"]] <= _NARROW)
            weights = narrow if narrow.any() else weights
        if params.difficulty is not None:
            apart = np.abs(templates[:, m.INDEX["difficulty"]] - min(int(params.difficulty * 10), 9))
            weights = weights * np.where(apart <= 1, _ALIKE, 1)
        near = np.sort(far[weights > 0])[:_NEAREST]
        told = templates[rng.choice(weights * (far <= max(4, int(near[-1]))))].copy()
    told[m.INDEX["rows"]], told[m.INDEX["columns"]] = min(rows, 17), min(columns, 17)
    told[m.INDEX["connected"]] = 1
    told[m.INDEX["difficulty"]] = m.untold("difficulty")
    cells = params.width * params.height
    for limit in params.count_limits:
        kinds = {params.rules.tiles[code].kind for code in np.flatnonzero(limit.tiles)}
        for name, edges, scale in (("door", m.COUNT_EDGES, 1), ("water", m.WATER_EDGES, 1000)):
            if kinds == {name}:
                unit = cells if scale != 1 else 1
                low, high = (
                    m.bucket(limit.least * scale // unit, edges),
                    m.bucket(limit.most * scale // unit, edges),
                )
                told[m.INDEX[name]] = min(max(int(told[m.INDEX[name]]), low), high)
    if params.fixed_grid is not None:
        told[m.INDEX["mirror"]] = m.untold("mirror")
        if int((params.fixed_grid != FREE).sum()) * 3 > cells:
            for name in ("wall", "open", "rooms", "hall", "ragged", "stubs"):
                told[m.INDEX[name]] = m.untold(name)
    return told


def _worth(templates: npt.NDArray[np.int64], style: str) -> npt.NDArray[np.int64]:
    """Integer weights of learned maps: equal for the style ``any``.

    Other styles leave out halls, rock, lakes, empty houses and what is of another style, if any are left then. Among
    maps of rooms those with doors count more.
    """
    every = np.ones(len(templates), dtype=np.int64)
    if style == "any":
        return every
    names = ("open", "wall", "water", "enemy", "loot", "door", "rooms", "hall", "ragged", "stubs")
    column = {name: templates[:, m.INDEX[name]] for name in names}
    bare = (column["open"] >= _OPEN) | (column["wall"] >= _SOLID) | (column["water"] >= _FLOODED)
    fit = ~bare & (column["enemy"] + column["loot"] > 0)
    if style == "rooms":
        doors = np.where(column["door"] >= 3, 4, np.where(column["door"] > 0, 2, 1))
        weights = doors * (column["rooms"] >= _ROOMS) * (column["hall"] < _HALL)
        weights = weights * (column["ragged"] < _RAGGED) * (column["stubs"] < _STUBS)
    else:
        weights = (column["ragged"] >= _CURVED) * (column["door"] <= 2) * (column["open"] < _WIDE) * every
    return next(chosen for chosen in (weights * fit, fit * every, every) if chosen.any())


def _amount(bucket: int, rng: Stream) -> int:
    """A count within a bucket of the count conditions."""
    if bucket == 0 or bucket > len(m.COUNT_EDGES):
        return 0
    low = m.COUNT_EDGES[bucket - 1]
    high = m.COUNT_EDGES[bucket] if bucket < len(m.COUNT_EDGES) else low + low // 4
    return low + rng.integer(max(1, high - low))


def _locks(game: Game, params: LevelParams, rng: Stream) -> dict[int, int]:
    """How many doors of each locked kind to set: what is asked at least, else by chance and difficulty."""
    doors = [int(code) for code in np.flatnonzero(game.having("door")) if _has_key(game, int(code))]
    locks = dict.fromkeys(doors, 0)
    asked = {code: limit for limit in params.count_limits for code in np.flatnonzero(limit.tiles).tolist()}
    chance = next(thousandths for below, thousandths in _LOCK_CHANCE if (params.difficulty or 0.5) < below)
    for code in doors:
        limits = [limit for limit in params.count_limits if limit.tiles[code]]
        least = max((limit.least for limit in limits if _only(limit, code, doors)), default=0)
        most = min((limit.most for limit in limits), default=2)
        wanted = 1 if code in asked or code == doors[0] else 0
        drawn = int(rng.integer(1000) < chance) * wanted
        locks[code] = min(max(least, drawn), most)
        keys = [limit.most for limit in params.count_limits if limit.tiles[_key_of(game, code)]]
        if keys and min(keys) == 0:
            locks[code] = 0
    return locks


def _only(limit: CountLimit, code: int, doors: Sequence[int]) -> bool:
    """Whether a limit is met by this locked door first."""
    return next((door for door in doors if limit.tiles[door]), None) == code


def _has_key(game: Game, door: int) -> bool:
    return any(game.tiles[door].name in tile.opens for tile in game.tiles)


def _key_of(game: Game, door: int) -> int:
    """The first key that opens a door."""
    return next(code for code, tile in enumerate(game.tiles) if game.tiles[door].name in tile.opens)


def _settle(counts: dict[int, int], limits: Sequence[CountLimit], game: Game, rng: Stream) -> None:
    """Move counts into every limit, in place; tiles that are no objects are left to the drawing."""
    for _ in range(_PASSES):
        moved = False
        for limit in limits:
            codes = [code for code in counts if limit.tiles[code]]
            if not codes or not all(_is_object(game, int(code)) for code in np.flatnonzero(limit.tiles)):
                continue
            total = sum(counts[code] for code in codes)
            weights = np.array([max(1, game.tiles[code].drawn_weight) for code in codes])
            while total < limit.least:
                counts[codes[rng.choice(weights)]] += 1
                total, moved = total + 1, True
            while total > limit.most:
                held = np.array([counts[code] for code in codes])
                counts[codes[rng.choice(held)]] -= 1
                total, moved = total - 1, True
        if not moved:
            return


def _is_object(game: Game, code: int) -> bool:
    return game.tiles[code].kind in (*OBJECT_KINDS, "key")
