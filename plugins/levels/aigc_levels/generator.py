"""The generator: wish, draw, furnish, check; draw again only what fails; repair by rule at the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np

from aigc_content import Conformance, Generator, Infeasible, ModelRef, Params, Preview, Request, Verdict
from aigc_levels import model as m
from aigc_levels import rooms, terrain
from aigc_levels.check import check_level, verify_level
from aigc_levels.draw import FAITHFUL, PART, WHOLE, Canvas, LevelModel
from aigc_levels.furnish import Draft, furnish
from aigc_levels.level import Level
from aigc_levels.measure import measure
from aigc_levels.params import LevelParams
from aigc_levels.rules import FREE, Grid
from aigc_levels.wishes import make_wish

REMASKS = 2
"""How often the failing part of a level is drawn again before it is repaired by rule."""

TURNS = REMASKS + 2
"""The first drawing, the re-masks, and the repair."""

_BATCH = 8
_ROOMY, _LEAST_ROOMS = 300, 4  # so many cells have place for so many rooms


@dataclass(frozen=True, eq=False)
class Attempt:
    """What became of a request.

    Attributes:
        outcome: the level, or the constraint that failed last.
        grid: tile codes as they were last checked, (H, W); without start and exit where these found no place.
    """

    outcome: Level | Infeasible
    grid: Grid


class Levels(Generator[LevelParams, Level]):
    """Tile maps of any game that a YAML file describes, each with the moves that win it."""

    revision: ClassVar[int] = 2
    models: ClassVar[Mapping[str, ModelRef]] = {"dungeon": ModelRef("aigc_levels", "weights/dungeon")}
    asset_schema: ClassVar[str] = Level.SCHEMA
    asset_suffix: ClassVar[str] = Level.SUFFIX

    @classmethod
    def models_for(cls, params: Params) -> Mapping[str, ModelRef | Path]:
        """The shipped model, or the folder that ``model:`` names."""
        if isinstance(params, LevelParams) and params.model is not None:
            return {"dungeon": params.model.path}
        return cls.models

    @classmethod
    def conformance(cls) -> Conformance:
        """Requests, false proofs and golden digests."""
        from aigc_levels.conformance import material

        return material()

    def open(self) -> None:
        """Load the network; needs no torch."""
        self.net = LevelModel(self.opened["dungeon"].path)

    def generate(self, request: Request[LevelParams]) -> Level | Infeasible:
        """One attempt at one level."""
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[Request[LevelParams]]) -> list[Level | Infeasible]:
        """One attempt at each level; levels of one size and style are drawn together."""
        return [attempt.outcome for attempt in self.attempts(requests)]

    def attempts(self, requests: Sequence[Request[LevelParams]], turns: int = TURNS) -> list[Attempt]:
        """One attempt at each level, given up after so many turns.

        A turn draws, furnishes and checks. The first draws the whole level; the next, at most `REMASKS`, what failed
        in the turn before; the last, the one numbered `TURNS`, repairs by rule. A level that passes has no further.

        Args:
            requests: of any sizes and styles; levels of one size and style are drawn together.
            turns: 1 .. `TURNS`; fewer turns change nothing in those that are made.
        """
        results: dict[int, Attempt] = {}
        kinds = [(request.params.height, request.params.width, request.params.style) for request in requests]
        order = sorted(range(len(requests)), key=kinds.__getitem__)
        for _, group in groupby(order, key=kinds.__getitem__):
            members = list(group)
            for start in range(0, len(members), _BATCH):
                part = members[start : start + _BATCH]
                made = self._make([requests[i] for i in part], turns)
                results.update(zip(part, made, strict=True))
        return [results[i] for i in range(len(requests))]

    def _make(self, requests: Sequence[Request[LevelParams]], turns: int) -> list[Attempt]:
        """One attempt at each level of one size and style, in lockstep."""
        whole = FAITHFUL if requests[0].params.style == "any" else WHOLE
        outcomes: list[Level | Infeasible] = [Infeasible("winnable")] * len(requests)
        drafts = [self._draft(request) for request in requests]
        grids = [draft.grid for draft in drafts]
        going = list(range(len(requests)))
        for turn in range(turns):
            if turn <= REMASKS:
                canvases = [drafts[i].canvas for i in going]
                self.net.draw_structure(canvases, PART if turn else whole)
            for i in going:
                terrain.tidy(drafts[i].canvas.structure, drafts[i].open_cells, drafts[i].ends)
                if requests[i].params.style == "rooms":
                    _finish_rooms(drafts[i])
                _keep_limits(drafts[i])
            furnish(self.net, [drafts[i] for i in going])
            failed = []
            for i in going:
                draft, params = drafts[i], requests[i].params
                made = _check(draft, params, turn)
                if isinstance(made, Level) or not isinstance(outcomes[i], Level):
                    outcomes[i], grids[i] = made, draft.grid
                if isinstance(made, Level) and (turn >= REMASKS or not _is_bare(draft, params)):
                    continue
                failed.append(i)
                if turn < REMASKS:
                    _remask(draft, made.constraint if isinstance(made, Infeasible) else "style", REMASKS - turn)
                elif turn == REMASKS:
                    terrain.join(draft.canvas.structure, draft.open_cells, draft.ends)
            going = failed
            if not going:
                break
        return [Attempt(outcome, grid) for outcome, grid in zip(outcomes, grids, strict=True)]

    def _draft(self, request: Request[LevelParams]) -> Draft:
        """An empty draft with the sketch, a wall around it, and its wish."""
        params = request.params
        shape = (params.height, params.width)
        rng = request.rng.child("draw")
        fixed = np.full(shape, FREE, dtype=np.uint8) if params.fixed_grid is None else params.fixed_grid
        structure = np.full(shape, m.STRUCTURE_MASK, dtype=np.uint8)
        structure[terrain.border(shape)] = m.WALL
        for code, tile in enumerate(params.rules.tiles):
            kind = {"void": "wall"}.get(tile.kind, tile.kind)
            structure[fixed == code] = m.STRUCTURES.index(kind) if kind in m.STRUCTURES else m.FLOOR
        canvas = Canvas(
            structure=structure,
            objects=np.full(shape, m.OBJECT_MASK, dtype=np.uint8),
            told=np.zeros(0, dtype=np.int64),
            rng=rng,
            temperature=params.temperature,
        )
        wish = make_wish(params, self.net.templates, request.rng.child("wish"))
        canvas.told = wish.told
        return Draft(game=params.rules, wish=wish, canvas=canvas, fixed=fixed)

    def verify(self, asset: Level, params: LevelParams) -> Verdict:
        """Replay the moves and check every constraint."""
        return verify_level(asset, params)

    def measure(self, asset: Level) -> Mapping[str, int | float | str]:
        """The measures of `aigc_levels.measure`, and how the level came about."""
        return {
            **measure(asset.rules, asset.grid, asset.moves),
            "stage": asset.provenance.stage,
            "remasks": asset.provenance.remasks,
        }

    def fingerprints(self, asset: Level) -> Iterable[bytes]:
        """The map itself, under the symmetry whose text comes first."""
        turned = [grid.tobytes() + bytes(grid.shape) for (grid,) in m.symmetries(asset.grid)]
        return [min(turned)]

    def preview(self, asset: Level, params: LevelParams) -> Preview | None:
        """The level's picture, with its winning path."""
        from aigc_levels.export import preview

        return preview(asset, params)


def _check(draft: Draft, params: LevelParams, turn: int) -> Level | Infeasible:
    """The finished level, or the constraint that it fails."""
    if draft.problem is not None:
        return draft.problem
    verdict = check_level(params.rules, draft.grid, params)
    if not verdict.passed:
        return Infeasible(verdict.constraint, verdict.message)
    return Level.from_grid(
        params.rules.rules,
        draft.grid,
        verdict.evidence["moves"],
        stage="first" if turn == 0 else "remasked" if turn <= REMASKS else "repaired",
        remasks=min(turn, REMASKS),
        salt=draft.canvas.rng.child("salt").integer(1 << 32),
    )


def _is_bare(draft: Draft, params: LevelParams) -> bool:
    """Whether a level that shall be of rooms is hardly more than a hall; such a one is drawn again if it can be."""
    structure = draft.canvas.structure
    return params.style == "rooms" and structure.size >= _ROOMY and m.rooms(structure)[0] < _LEAST_ROOMS


def _finish_rooms(draft: Draft) -> None:
    """Close rooms, and open closed ones, in place."""
    canvas = draft.canvas
    rooms.close_rooms(canvas.structure, draft.open_cells, canvas.rng)
    rooms.open_rooms(canvas.structure, draft.open_cells, canvas.rng)


def _remask(draft: Draft, constraint: str, reach: int) -> None:
    """Hide what failed, in place, so that it is drawn again.

    What is cut off is given a way to the rest (a reachable path is chosen first and kept, as in path2level, 2023),
    and the cells within ``reach`` of it are hidden; for anything else a part of the level is.
    """
    structure, rng = draft.canvas.structure, draft.canvas.rng
    height, width = structure.shape
    inner = ~terrain.border(structure.shape) & draft.open_cells
    hide, keep = np.zeros(structure.shape, dtype=np.bool_), np.zeros(structure.shape, dtype=np.bool_)
    if constraint in ("reachable", "winnable", "keys"):
        free = terrain.passable(structure)
        for area, main in list(terrain.minor_areas(structure, draft.ends)):
            way = np.zeros(structure.shape, dtype=np.bool_)
            for cell in terrain.gap(structure, area, main | (free & ~area), inner):
                way[cell] = True
            structure[way] = m.FLOOR
            keep |= way | (terrain.grown(way) & free)
            hide |= terrain.grown(way, reach)
    if not (hide & inner).any():
        rows, columns = -(-height * 7 // 10), -(-width * 7 // 10)
        top, left = rng.integer(height - rows + 1), rng.integer(width - columns + 1)
        hide[top : top + rows, left : left + columns] = True
    structure[hide & inner & ~keep] = m.STRUCTURE_MASK


def _keep_limits(draft: Draft) -> None:
    """Bring doors and water within their limits by rule, in place."""
    structure, game, rng = draft.canvas.structure, draft.game, draft.canvas.rng
    free = (draft.fixed == FREE) & ~terrain.border(structure.shape)
    for limit in draft.wish.limits:
        kinds = {game.tiles[int(code)].kind for code in np.flatnonzero(limit.tiles)}
        for kind, token in (("door", m.DOOR), ("water", m.WATER)):
            if kinds != {kind}:
                continue
            locks = sum(draft.wish.locks.get(int(code), 0) for code in np.flatnonzero(limit.tiles))
            others = sum(draft.wish.locks.values()) - locks
            count = int((structure == token).sum()) - (others if kind == "door" else 0)
            while count > limit.most and (free & (structure == token)).any():
                cells = np.argwhere(free & (structure == token))
                structure[tuple(cells[rng.integer(len(cells))])] = m.FLOOR
                count -= 1
            while count < limit.least:
                floor = terrain.passable(structure)
                room = terrain.narrow(structure) if kind == "door" else terrain.dispensable(floor)
                cells = np.argwhere(room & free & (structure == m.FLOOR))
                if not len(cells):
                    break
                structure[tuple(cells[rng.integer(len(cells))])] = token
                count += 1
