"""Whether a level is what was asked: size, sketch, counts, winnable, reachable, path length, and its proof.

The names of the constraints are stable: ``size``, ``tiles``, ``fixed``, ``count:NAME``, ``winnable``, ``keys``,
``reachable``, ``path_length``, ``proof`` and ``game``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_content import Verdict
from aigc_levels.level import Level
from aigc_levels.params import LevelParams
from aigc_levels.replay import replay
from aigc_levels.rules import FREE, Flags, Grid, Rules
from aigc_levels.solve import Unsolvable, reachable, solve

MAX_CELLS = 64
"""Most cells that a verdict lists."""


def verify_level(level: Level, params: LevelParams) -> Verdict:
    """Check an asset against the params; its rules, its size and its moves are not trusted."""
    if level.rules != params.rules.rules:
        return Verdict(False, "game", f"the level was made by other rules than {params.rules.name!r} has now")
    return check_level(params.rules, level.grid, params, level.moves)


def check_level(rules: Rules, grid: Grid, params: LevelParams, moves: str | None = None) -> Verdict:
    """Check a grid against the params.

    Args:
        rules: the game, or the rules that a level carries.
        grid: every cell decided.
        params: what was asked.
        moves: the proof to replay; None takes the moves that the search finds.

    Returns:
        Passed, with ``moves`` and ``path_length`` as evidence; or the first constraint that fails, with ``cells``
        ([row, column], from 0, the first `MAX_CELLS`) where it is about cells.
    """
    return (
        _check_cells(rules, grid, params)
        or _check_counts(rules, grid, params)
        or (_check_proof(rules, grid, moves) if moves is not None else None)
        or _check_play(rules, grid, params, moves)
    )


def _check_cells(rules: Rules, grid: Grid, params: LevelParams) -> Verdict | None:
    if grid.shape != (params.height, params.width):
        height, width = grid.shape
        asked = f"{params.width} x {params.height}"
        return _failed("size", f"the level has {width} x {height} cells, asked are {asked}")
    unknown = grid >= len(rules.tiles)
    if unknown.any():
        return _failed("tiles", f"{int(unknown.sum())} cells hold no tile", cells=_cells(unknown))
    if params.fixed_grid is not None:
        changed = (params.fixed_grid != FREE) & (params.fixed_grid != grid)
        if changed.any():
            found = f"{int(changed.sum())} cells differ from the sketch"
            return _failed("fixed", found, cells=_cells(changed))
    return None


def _check_counts(rules: Rules, grid: Grid, params: LevelParams) -> Verdict | None:
    present = np.bincount(grid.ravel(), minlength=len(rules.tiles))
    for limit in params.count_limits:
        count = int(present[limit.tiles].sum())
        if not limit.least <= count <= limit.most:
            found = f"{count} cells of {limit.name!r}, asked are {limit.asked}"
            evidence = {"count": count, "min": limit.least, "max": limit.most}
            return Verdict(False, f"count:{limit.name}", found, evidence)
    return None


def _check_proof(rules: Rules, grid: Grid, moves: str) -> Verdict | None:
    verdict = replay(rules, grid, moves)
    return None if verdict.passed else verdict


def _check_play(rules: Rules, grid: Grid, params: LevelParams, moves: str | None) -> Verdict:
    found = solve(rules, grid)
    if isinstance(found, Unsolvable):
        return _failed(found.constraint, found.reason, cells=[list(found.place)] if found.place else [])
    reached = reachable(rules, grid)
    failed = _check_keys(rules, grid, reached) or _check_reachable(rules, grid, params, reached)
    if failed is not None:
        return failed
    asked = params.path_length
    if found.length < (asked.min or 0) or (asked.max is not None and found.length > asked.max):
        limits = f"{asked.min or 1} to {asked.max if asked.max is not None else 'any'}"
        message = f"the winning path has {found.length} steps, asked are {limits}"
        return Verdict(False, "path_length", message, {"path_length": found.length})
    if moves is not None and len(moves) != found.length:
        message = f"the proof takes {len(moves)} steps, and the path of the search {found.length}"
        return Verdict(False, "proof", message, {"path_length": found.length})
    proof = found.moves if moves is None else moves
    return Verdict(True, evidence={"moves": proof, "path_length": found.length})


def _check_keys(rules: Rules, grid: Grid, reached: Flags) -> Verdict | None:
    held = int(np.bitwise_or.reduce(rules.tables.gives[grid[reached]], initial=np.uint8(0)))
    opened_by = rules.tables.opened_by[grid]
    shut = (opened_by != 0) & ((opened_by & np.uint8(held)) == 0)
    if not shut.any():
        return None
    return _failed("keys", f"{int(shut.sum())} locked doors have no key that can be reached", cells=_cells(shut))


def _check_reachable(rules: Rules, grid: Grid, params: LevelParams, reached: Flags) -> Verdict | None:
    sealed = rules.tables.walkable[grid] & ~reached
    pieces = sealed & rules.having("key", "loot", "door")[grid]
    if pieces.any():
        row, column = _cells(pieces)[0]
        found = f"{rules.tiles[grid[row, column]].name} at line {row + 1}, column {column + 1} cannot be reached"
        return _failed("reachable", found, cells=_cells(pieces))
    passable = int(rules.tables.walkable[grid].sum())
    if int(reached.sum()) * 10_000 < round(params.min_reachable * 10_000) * passable:
        found = f"{int(sealed.sum())} of {passable} passable cells cannot be reached"
        return _failed("reachable", found, cells=_cells(sealed))
    return None


def _cells(mask: Flags) -> list[list[int]]:
    return [[int(row), int(column)] for row, column in np.argwhere(mask)[:MAX_CELLS]]


def _failed(constraint: str, message: str, **evidence: Any) -> Verdict:
    return Verdict(False, constraint, message, evidence)
