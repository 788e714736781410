"""The independent check of a proof: plays the moves one by one and refuses the first that is not allowed.

It shares no code and no table with the search in `aigc_levels.solve`, so that a mistake there cannot vouch for
itself. Nothing here is clever.
"""

from __future__ import annotations

from aigc_content import Verdict
from aigc_levels.rules import Grid, Rules, Tile

Place = tuple[int, int]
_STEPS = {"N": (-1, 0), "E": (0, 1), "S": (1, 0), "W": (0, -1)}
_COLLECTED = {"none": None, "keys": "key", "loot": "loot"}


def replay(rules: Rules, grid: Grid, moves: str) -> Verdict:
    """Play moves from the start.

    A proof stays inside the map, enters nothing solid or void, opens a locked door only with a key for it, never
    steps on a hazard or into liquid, collects what the goal wants, and ends on an exit the first time that this
    wins.

    Args:
        rules: the game.
        grid: the level.
        moves: letters N, E, S, W.

    Returns:
        Passed, with ``steps``, ``keys`` (names of those held at the end) and ``loot`` (number picked up) as
        evidence; or the constraint ``proof`` with ``step`` (from 1) and ``place`` [row, column].
    """
    height, width = grid.shape
    tiles = {(row, column): rules.tiles[grid[row, column]] for row in range(height) for column in range(width)}
    starts = [place for place, tile in tiles.items() if "start" in tile.traits]
    if len(starts) != 1:
        return _refused(0, (0, 0), f"there are {len(starts)} starts, not one")
    trait = _COLLECTED[rules.goal.collect]
    missing = {place for place, tile in tiles.items() if trait in tile.traits}
    keys: set[str] = set()
    loot: set[Place] = set()
    here = starts[0]
    for step in range(len(moves) + 1):
        if step > 0:
            if "exit" in tiles[here].traits and not missing:
                return _refused(step, here, "the moves go on after the level is won")
            down, right = _STEPS.get(moves[step - 1], (height, width))
            here = (here[0] + down, here[1] + right)
        why = _trespass(rules, tiles.get(here), keys)
        if why:
            return _refused(step, here, why)
        keys |= {tiles[here].name} if "key" in tiles[here].traits else set()
        loot |= {here} if "loot" in tiles[here].traits else set()
        missing.discard(here)
    if "exit" not in tiles[here].traits:
        return _refused(len(moves), here, f"the way ends on {tiles[here].name}, not on an exit")
    if missing:
        return _refused(len(moves), min(missing), f"{tiles[min(missing)].name} was not collected")
    return Verdict(True, evidence={"steps": len(moves), "keys": sorted(keys), "loot": len(loot)})


def _trespass(rules: Rules, tile: Tile | None, keys: set[str]) -> str:
    """Why a tile (None is outside the map) may not be stepped on; empty when it may."""
    if tile is None:
        return "that is no move, or leads out of the map"
    if "solid" in tile.traits or "void" in tile.traits:
        return f"{tile.name} cannot be entered"
    if "hazard" in tile.traits or "liquid" in tile.traits:
        return f"{tile.name} harms"
    opened = {name for key in rules.tiles if key.name in keys for name in key.opens}
    return f"{tile.name} is locked" if "door" in tile.traits and tile.name not in opened else ""


def _refused(step: int, place: Place, why: str) -> Verdict:
    message = f"step {step}, line {place[0] + 1}, column {place[1] + 1}: {why}"
    return Verdict(False, "proof", message, {"step": step, "place": list(place)})
