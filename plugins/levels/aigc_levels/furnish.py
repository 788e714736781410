"""Furnish a drawn structure: start, exit, locks and keys, then enemies, loot and traps.

The network says how likely each object is in each cell; the counts and what winning needs decide how many there are
and which cells are allowed. So what was asked holds by construction wherever the structure allows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aigc_content import Infeasible
from aigc_levels import model as m
from aigc_levels import terrain
from aigc_levels.draw import Canvas, LevelModel
from aigc_levels.game import Game
from aigc_levels.measure import ENEMY_STEPS, LOCK_STEPS
from aigc_levels.rules import FREE, Flags, Grid
from aigc_levels.solve import Cell
from aigc_levels.wishes import Wish

ROUNDS = 2
"""Passes of the network over which the objects are placed, so that they see each other."""

GROUPED = 12
"""How much likelier an object is beside one of its kind; not in the style ``any``. People set guards in packs."""

_STARTS = 6
_SAFE_STEPS = 3
_LOCK_DOORS = 12
_LOCK_ROOM = 6  # cells that a lock leaves to the start
_TOKEN = {"enemy": m.ENEMY, "loot": m.LOOT, "trap": m.TRAP, "key": m.KEY}

Scores = npt.NDArray[np.int64]


@dataclass
class Draft:
    """One attempt at a level while it is made.

    Attributes:
        game: rules.
        wish: what it shall have.
        canvas: the drawn layers.
        fixed: the sketch's tile codes, `FREE` elsewhere, shape (H, W).
        grid: tile codes once furnished.
        near: cells near the way from start to exit.
        problem: why it could not be furnished.
    """

    game: Game
    wish: Wish
    canvas: Canvas
    fixed: Grid
    grid: Grid = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    near: Flags = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    problem: Infeasible | None = None

    @property
    def open_cells(self) -> Flags:
        """Cells that the sketch leaves open."""
        return np.asarray(self.fixed == FREE, dtype=np.bool_)

    @property
    def ends(self) -> list[Cell]:
        """Start and exits of the sketch."""
        return [*self.fixed_cells("start"), *self.fixed_cells("exit")]

    def fixed_cells(self, trait: str) -> list[Cell]:
        """Cells of the sketch whose tile has a trait."""
        decided = (self.fixed != FREE) & self.game.having(trait)[np.minimum(self.fixed, len(self.game.tiles) - 1)]
        return [(int(y), int(x)) for y, x in np.argwhere(decided)]


def furnish(net: LevelModel, drafts: Sequence[Draft]) -> None:
    """Give each draft of one size its ``grid``, or its ``problem``, in place."""
    for draft in drafts:
        _prepare(draft)
    scores = net.object_scores([draft.canvas for draft in drafts])
    for draft, seen in zip(drafts, scores, strict=True):
        draft.problem = _place_way(draft, seen)
    going = [draft for draft in drafts if draft.problem is None]
    wanted = [_wanted(draft) for draft in going]
    scores = [seen for draft, seen in zip(drafts, scores, strict=True) if draft.problem is None]
    for left in range(ROUNDS, 0, -1):
        if left < ROUNDS:
            scores = net.object_scores([draft.canvas for draft in going])
        for draft, seen, goods in zip(going, scores, wanted, strict=True):
            _place_goods(draft, seen, goods, left)
    for draft in going:
        _finish(draft)


def _prepare(draft: Draft) -> None:
    """Start from the structure and the sketch alone."""
    canvas, game = draft.canvas, draft.game
    canvas.objects[:] = np.where(canvas.floor, m.OBJECT_MASK, m.NONE)
    draft.grid = _ground(draft)
    decided = draft.fixed != FREE
    for y, x in np.argwhere(decided):
        kind = game.tiles[draft.fixed[y, x]].kind
        canvas.objects[y, x] = m.OBJECTS.index(kind) if kind in m.OBJECTS else m.NONE
        draft.grid[y, x] = draft.fixed[y, x]


def _ground(draft: Draft) -> Grid:
    """Tile codes of the structure alone; walls that touch nothing open become void."""
    game, structure, rng = draft.game, draft.canvas.structure, draft.canvas.rng
    grid = np.zeros(structure.shape, dtype=np.uint8)
    for token, kind in enumerate(m.STRUCTURES):
        codes, weights = game.choices(kind)
        if not codes:  # a game without doors or water has floor or wall in their place
            codes, weights = game.choices("floor" if kind == "door" else "wall")
        code = codes[rng.choice(np.array(weights))] if len(codes) > 1 else codes[0]
        grid[structure == token] = code
    voids, _ = game.choices("void")
    if voids:
        grid[~terrain.grown(structure != m.WALL)] = voids[0]
    return grid


def _walkable(draft: Draft) -> Flags:
    """Passable cells, hazards of the sketch left out, locks taken as open."""
    return np.asarray(terrain.passable(draft.canvas.structure) & (draft.canvas.objects != m.TRAP), dtype=np.bool_)


def _place_way(draft: Draft, scores: Scores) -> Infeasible | None:
    """Start, exit, locks and keys."""
    canvas, game, wish = draft.canvas, draft.game, draft.wish
    free = _walkable(draft)
    starts, exits = draft.fixed_cells("start"), draft.fixed_cells("exit")
    labels, main = terrain.main_area(free, [*starts, *exits])
    area = labels == main
    open_cells = area & (canvas.objects == m.OBJECT_MASK)
    if not main or (int(open_cells.sum()) < 2 and not (starts and exits)):
        return Infeasible("winnable", "the structure has no room for start and exit")
    chance = scores[:, :, m.EXIT] + 1
    found: tuple[int, Cell, Cell] | None = None
    remote: Cell | None = None
    for _ in range(_STARTS):
        start = starts[0] if starts else remote or _pick(chance * open_cells, canvas)
        far = terrain.distance(area, [start])
        goal, miss = _pick_exit(draft, far, chance * open_cells, exits)
        remote = None
        if goal is None:  # from one end of the level to the other, if anywhere
            y, x = divmod(int(np.where(open_cells, far, -1).argmax()), far.shape[1])
            remote = (y, x) if (y, x) != start else None
        if goal is not None and (found is None or miss < found[0]):
            found = (miss, start, goal)
        if (found is not None and found[0] <= 2) or (starts and exits):
            break
    if found is None:
        low, high = wish.steps
        return Infeasible("path_length", f"no two cells are {low} to {high} steps apart")
    _, start, goal = found
    for cell, trait, given in ((start, "start", starts), (goal, "exit", exits)):
        if not given:
            code = game.code(trait)
            draft.grid[cell] = 0 if code is None else code
            canvas.objects[cell] = m.EXIT
    _place_locks(draft, area, scores, start, goal)
    way = terrain.way(area, start, goal)
    draft.near = terrain.grown(way)
    return None


def _pick(weights: Scores, canvas: Canvas) -> Cell:
    """A cell by integer weights, shape (H, W), not all 0."""
    y, x = divmod(canvas.rng.choice(weights.ravel()), weights.shape[1])
    return y, x


def _pick_exit(
    draft: Draft, far: npt.NDArray[np.int32], weights: Scores, exits: Sequence[Cell]
) -> tuple[Cell | None, int]:
    """An exit at an allowed distance, and how many steps it misses the distance that is aimed at."""
    low, high = draft.wish.steps
    longest = int(far.max())
    aim = draft.wish.strain * 3 // 5 if draft.wish.strain is not None else longest * 3 // 4
    aim = min(max(aim, low, 6), high, longest)
    if exits:
        return exits[0], abs(int(far[exits[0]]) - aim)
    allowed = (far >= max(low, 1)) & (far <= high) & (weights > 0)
    if not allowed.any():
        return None, 0
    miss = np.abs(far - aim)
    # a cell that the network likes is worth a small detour: weight falls with the square of the miss
    scaled = weights * allowed * 4096 // (1 + miss.astype(np.int64) ** 2)
    scaled = np.where(allowed, np.maximum(scaled, 1), 0) if int(scaled.sum()) == 0 else scaled
    cell = _pick(scaled, draft.canvas)
    return cell, int(miss[cell])


def _place_locks(draft: Draft, area: Flags, scores: Scores, start: Cell, goal: Cell) -> None:
    """Lock doors that keep something back, and lay their keys where the start reaches."""
    canvas, wish = draft.canvas, draft.wish
    for code, number in wish.locks.items():
        have = int((draft.grid == code).sum())
        free_doors = (draft.fixed == FREE) & area
        gaps = terrain.narrow(canvas.structure) & (canvas.objects == m.OBJECT_MASK)
        for places in (canvas.structure == m.DOOR, gaps):  # a narrow place where no door parts anything
            if have >= number:
                break
            held = _shut(draft, area)
            cells = [(int(y), int(x)) for y, x in np.argwhere(places & free_doors & (draft.grid != code))]
            order = canvas.rng.permutation(len(cells))[:_LOCK_DOORS]
            gains = [
                (door, kept)
                for door, kept in terrain.lock_gains(held, [cells[i] for i in order], start)
                if int((held & ~kept).sum()) >= _LOCK_ROOM
            ]
            gains.sort(key=lambda gain: (not gain[1][goal], -int(gain[1].sum())))
            chosen = [door for door, _ in gains[: number - have]]
            have += len(chosen)
            for door in chosen:
                draft.grid[door] = code
                canvas.structure[door] = m.DOOR
                canvas.objects[door] = m.NONE
    _place_keys(draft, area, scores, start)


def _shut(draft: Draft, area: Flags) -> Flags:
    """The area without its locked doors."""
    return np.asarray(area & ~draft.game.having("door")[draft.grid], dtype=np.bool_)


def _place_keys(draft: Draft, area: Flags, scores: Scores, start: Cell) -> None:
    game, canvas = draft.game, draft.canvas
    reach = terrain.distance(_shut(draft, area), [start])
    locked = {game.tiles[code].name for code in np.unique(draft.grid[game.having("door")[draft.grid]])}
    for code, number in draft.wish.counts.items():
        if game.tiles[code].kind != "key":
            continue
        opens = set(game.tiles[code].opens) & locked
        number = number if opens or _asked(draft, code) else 0  # noqa: PLW2901
        for _ in range(number - int((draft.grid == code).sum())):
            allowed = (reach >= 2) & (canvas.objects == m.OBJECT_MASK)
            if not allowed.any():
                return
            weights = (scores[:, :, m.KEY] + scores[:, :, m.LOOT] + 64) * (reach + 1) * allowed
            cell = _pick(weights, canvas)
            draft.grid[cell] = code
            canvas.objects[cell] = m.KEY


def _asked(draft: Draft, code: int) -> bool:
    return any(limit.least and limit.tiles[code] for limit in draft.wish.limits)


@dataclass
class _Goods:
    """Objects still to be placed: tile codes, and how many of the enemies go near the way (None: anywhere)."""

    codes: list[int]
    near: int | None


def _wanted(draft: Draft) -> _Goods:
    """What to place, with the enemies near the way that the asked difficulty calls for."""
    game, wish, canvas = draft.game, draft.wish, draft.canvas
    codes = []
    for code, number in wish.counts.items():
        if game.tiles[code].kind in ("enemy", "loot", "trap"):
            codes += [code] * (number - int((draft.grid == code).sum()))
    near = None
    if wish.strain is not None:
        locks = int((game.having("door")[draft.grid] & draft.near).sum())
        way = int(_walked(draft))
        left = wish.strain - way - LOCK_STEPS * locks
        enemies = [code for code in codes if game.tiles[code].kind == "enemy"]
        near = max(0, (left + ENEMY_STEPS // 2) // ENEMY_STEPS)
        room = int((draft.near & (canvas.objects == m.OBJECT_MASK)).sum()) // 3
        near = min(near, room)
        if near > len(enemies):
            codes += _more_enemies(draft, near - len(enemies))
            near = min(near, sum(game.tiles[code].kind == "enemy" for code in codes))
    order = canvas.rng.permutation(len(codes))
    return _Goods([codes[i] for i in order], near)


def _walked(draft: Draft) -> int:
    """Steps of the way from start to exit, locks open."""
    area = _walkable(draft)
    starts = np.argwhere(draft.game.having("start")[draft.grid])
    exits = np.argwhere(draft.game.having("exit")[draft.grid])
    far = terrain.distance(area, [(int(starts[0][0]), int(starts[0][1]))])
    return min(int(far[int(y), int(x)]) for y, x in exits)


def _more_enemies(draft: Draft, number: int) -> list[int]:
    """Further enemies, as many as the limits leave."""
    game, wish = draft.game, draft.wish
    codes, weights = game.choices("enemy")
    if not codes:
        return []
    code = codes[draft.canvas.rng.choice(np.array(weights))]
    room = number
    for limit in wish.limits:
        if limit.tiles[code]:
            used = sum(count for other, count in wish.counts.items() if limit.tiles[other])
            room = min(room, max(0, limit.most - used))
    wish.counts[code] += room
    return [code] * room


def _place_goods(draft: Draft, scores: Scores, goods: _Goods, left: int) -> None:
    """Place this round's share of the objects, in place."""
    game, canvas = draft.game, draft.canvas
    here = goods.codes[: -(-len(goods.codes) // left)]
    goods.codes = goods.codes[len(here) :]
    start = np.argwhere(game.having("start")[draft.grid])[0]
    rows, columns = np.ogrid[: canvas.objects.shape[0], : canvas.objects.shape[1]]
    safe = np.abs(rows - start[0]) + np.abs(columns - start[1]) > _SAFE_STEPS
    passable = terrain.passable(canvas.structure)
    beside = {token: terrain.grown(canvas.objects == token) for token in (m.ENEMY, m.LOOT, m.TRAP)}
    for code in here:
        kind = game.tiles[code].kind
        token = _TOKEN[kind]
        allowed = (canvas.objects == m.OBJECT_MASK) & passable
        if kind == "enemy":
            allowed &= safe
            if goods.near is not None:
                goods.near -= _toward(allowed, draft.near, goods.near > 0)
        elif kind == "trap":
            allowed &= terrain.dispensable(_walkable(draft))
            if goods.near is not None:
                _toward(allowed, draft.near, False)
        if not allowed.any():
            continue
        weights = (scores[:, :, token] + 1) * allowed
        if draft.wish.grouped:
            weights[beside[token]] *= GROUPED
        y, x = cell = _pick(weights, canvas)
        draft.grid[cell] = code
        canvas.objects[cell] = token
        beside[token][max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = True


def _toward(allowed: Flags, near: Flags, wanted: bool) -> int:
    """Keep, in place, only the allowed cells near the way, or only those that are not, where there are any."""
    part = allowed & near if wanted else allowed & ~near
    if part.any():
        allowed &= part
    return int(wanted)


def _finish(draft: Draft) -> None:
    canvas = draft.canvas
    canvas.objects[canvas.objects == m.OBJECT_MASK] = m.NONE
