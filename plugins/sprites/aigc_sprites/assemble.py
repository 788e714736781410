"""Tokens to a sprite: colors for all figures together, layers and frames, feet on one line, the asked size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aigc_content import Infeasible
from aigc_sprites import model as m
from aigc_sprites.coloring import Uncolored, darkest, paint, recolored
from aigc_sprites.data.words import STACK
from aigc_sprites.params import SpriteParams
from aigc_sprites.plan import Part, Turns
from aigc_sprites.resize import resized
from aigc_sprites.sprite import Figure, Frame, Indices, Layer, Sprite, rows_of
from aigc_sprites.tokens import OUTLINE, Ramps, Tokens

STEP_MS = 160


@dataclass(frozen=True)
class Drawn:
    """The pictures of one figure.

    Attributes:
        turns: what was to be drawn.
        tokens: by the name of the part.
        tags: of parts that show more than was asked, by name.
        ramps: colors by name.
    """

    turns: Turns
    tokens: Mapping[str, Tokens]
    tags: Mapping[str, tuple[str, ...]]
    ramps: Mapping[str, Ramps]

    @property
    def parts(self) -> list[Part]:
        """All parts, those of a hero as they lie on each other."""
        found = [part for turn in self.turns for part in turn]
        order = {name: place for place, name in enumerate(STACK)}
        return sorted(found, key=lambda part: order.get(part.name, 0))


def assembled(params: SpriteParams, figures: Sequence[Drawn]) -> Sprite | Infeasible:
    """One sprite of drawn figures; all share one palette."""
    palette = params.palette_colors
    pictures = []
    for figure in figures:
        for part in figure.parts:
            own = figure.ramps[part.name]
            own = own if palette is None else recolored(own, palette)
            pictures.append(Uncolored(figure.tokens[part.name], own, part.exact))
    outline = OUTLINE if palette is None else darkest(palette)
    colors, painted = paint(pictures, params.colors, outline)
    if not len(colors):
        return Infeasible("empty", "nothing was drawn")
    found, start = [], 0
    for place, figure in enumerate(figures):
        parts = figure.parts
        shown = dict(zip((part.name for part in parts), painted[start : start + len(parts)], strict=True))
        start += len(parts)
        empty = [part.name for part in parts if not shown[part.name].any()]
        if set(empty) & _wanted(params):
            return Infeasible("empty", f"nothing was drawn for {empty[0]}")
        tags = {part.name: figure.tags.get(part.name, part.tags) for part in parts}
        layers = [Layer(name=name, tags=tags[name]) for name in tags if name not in empty]
        name = params.figure if len(figures) == 1 else f"{params.figure}-{place + 1}"
        found.append(_figure(name, params, layers, shown))
    written = tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors.tolist())
    return _without_unused(Sprite(kind=params.kind, size=params.size, palette=written, figures=tuple(found)))


def _wanted(params: SpriteParams) -> set[str]:
    """Names of the parts without which a figure is not what was asked for; of any dress the body alone."""
    if params.figure == "hero":
        return {"base", *(params.wear or {}), *(params.redraw.layers if params.redraw is not None else ())}
    if params.figure == "walker":
        return {f"{facing}{step}" for facing in params.facings for step in ("", m.STEP)}
    return {params.figure}


def _figure(name: str, params: SpriteParams, layers: Sequence[Layer], own: Mapping[str, Indices]) -> Figure:
    """One figure: a walker's pictures are frames of one layer, those of anything else layers of one frame."""
    if params.figure == "walker":
        level = {key: _on(picture, _feet(own["down"])) for key, picture in own.items()}
        keys = [f"{facing}{step}" for facing in params.facings for step in ("", m.STEP)]
        shown = [resized(level[key], params.size) for key in keys]
        looks = [facing for facing in params.facings for _ in range(2)]
        frames = tuple(
            Frame(facing=facing, duration=STEP_MS, cels=(rows_of(picture),))
            for facing, picture in zip(looks, shown, strict=True)
        )
        layers = (Layer(name="walker"),)
        flat = shown[0]
    else:
        cels = [resized(own[layer.name], params.size) for layer in layers]
        frames = (Frame(cels=tuple(rows_of(picture) if picture.any() else None for picture in cels)),)
        flat = np.max(cels, axis=0)
    columns = np.flatnonzero(flat.any(axis=0))
    pivot = ((int(columns[0]) + int(columns[-1])) // 2, _feet(flat)) if len(columns) else (0, 0)
    return Figure(name=name, pivot=pivot, layers=tuple(layers), frames=frames)


def _feet(picture: Indices) -> int:
    """The lowest row in which anything shows."""
    rows = np.flatnonzero(picture.any(axis=1))
    return int(rows[-1]) if len(rows) else len(picture) - 1


def _on(picture: Indices, ground: int) -> Indices:
    """A picture moved up or down until it stands on a row."""
    dy = ground - _feet(picture)
    if dy < 0 and picture[:-dy].any():
        return picture  # its head would be cut off
    return np.roll(picture, dy, axis=0)


def _without_unused(sprite: Sprite) -> Sprite:
    """A smaller picture may have lost colors: then its palette loses them too."""
    used = np.zeros(len(sprite.palette) + 1, dtype=np.bool_)
    for figure in sprite.figures:
        for frame in figure.frames:
            for layer in range(len(figure.layers)):
                used[np.unique(sprite.cel(figure, frame, layer))] = True
    used[0] = True
    if used.all():
        return sprite
    place = np.cumsum(used) - 1
    figures = []
    for figure in sprite.figures:
        frames = [
            frame.model_copy(
                update={
                    "cels": tuple(
                        None if rows is None else rows_of(place[sprite.cel(figure, frame, layer)].astype(np.uint8))
                        for layer, rows in enumerate(frame.cels)
                    )
                }
            )
            for frame in figure.frames
        ]
        figures.append(figure.model_copy(update={"frames": tuple(frames)}))
    palette = tuple(color for color, kept in zip(sprite.palette, used[1:].tolist(), strict=True) if kept)
    return Sprite(kind=sprite.kind, size=sprite.size, palette=palette, figures=tuple(figures))
