"""The proof of a sprite: looked at pixel by pixel, with limits that nine of ten real pictures keep."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from aigc_content import Verdict
from aigc_sprites import proof
from aigc_sprites.copies import LEAST, LIMIT, View, distance_of
from aigc_sprites.craft import LIMITS, Craft, craft, seam, upright
from aigc_sprites.params import SpriteParams
from aigc_sprites.plan import pixels_of
from aigc_sprites.reader import ASKED, BELIEVED
from aigc_sprites.sprite import SIDE, Figure, Indices, Sprite

DARK = 300
"""Lightness in 1/1000 of a color that may stand for an outline."""

_OUTLINED = 900  # thousandths
_FEET, _AREA = 1, 150  # pixels, thousandths
_SEAM = 1600  # thousandths
_APART = 250  # thousandths of the fields in which two members of a cast differ at least

Problem = tuple[str, str]


def check(asset: Sprite, params: SpriteParams) -> Verdict:
    """Whether a sprite is what was asked for, clean, in the asked colors, and no copy."""
    distances: list[int] = []
    problem = next(_problems(asset, params, distances), None)
    if problem is not None:
        return Verdict(False, *problem)
    measured = [crafted(asset, figure) for figure in asset.figures]
    return Verdict(
        True,
        evidence={
            "orphans": max(one.orphans for one in measured),
            "jaggies": max(one.jaggies for one in measured),
            "training_distance": min(distances),
        },
    )


def crafted(asset: Sprite, figure: Figure) -> Craft:
    """The measures of a figure's first frame."""
    return craft(asset.flat(figure, figure.frames[0]), _dark(asset))


def training_distance(asset: Sprite, figure: Figure, params: SpriteParams) -> int:
    """Thousandths in which the nearest training picture differs: from the whole, and from each layer."""
    own = None if params.model is None else params.model.path
    return min(proof.nearest(list(_views(asset, figure)), params.figure, own), default=1000)


def _views(asset: Sprite, figure: Figure) -> Iterator[View]:
    """What shows, and how light it is, of the first frame and of each of its layers that is large enough."""
    frame = figure.frames[0]
    layers = [asset.cel(figure, frame, place) for place in range(len(figure.layers))]
    for pixels in [asset.flat(figure, frame), *(layers if len(layers) > 1 else [])]:
        if np.count_nonzero(pixels) * SIDE**2 >= LEAST * pixels.size:
            large = _as_drawn(pixels)
            yield large > 0, asset.light[large]


def _as_drawn(pixels: Indices) -> Indices:
    """A picture of any size as one of 32 x 32, pixel for pixel the nearest."""
    if len(pixels) == SIDE:
        return pixels
    places = (np.arange(SIDE) * 2 + 1) * len(pixels) // (2 * SIDE)
    return pixels[np.ix_(places, places)]


def _problems(asset: Sprite, params: SpriteParams, distances: list[int]) -> Iterator[Problem]:
    """What is wrong, the first first; ``distances`` gets how far each figure is from the nearest training picture."""
    if asset.kind != params.kind:
        yield "kind", f"is a {asset.kind}, not a {params.kind}"
        return
    members = params.members if params.kind == "cast" else 1
    if len(asset.figures) != members:
        yield "members", f"has {len(asset.figures)} figures, not {members}"
    if asset.size != params.size:
        yield "size", f"has sides of {asset.size} pixels, not {params.size}"
    yield from _colors(asset, params)
    for figure in asset.figures:
        yield from _asked(figure, params)
        yield from _kept(asset, figure, params)
        yield from _clean(asset, figure, params)
        bodies = [place for place, layer in enumerate(figure.layers) if layer.name == "base"]
        if not all(upright(asset.cel(figure, figure.frames[0], place) > 0) for place in bodies):
            yield "body", f"{figure.name}: the body does not reach from head to feet"
        if params.figure == "walker":
            yield from _walks(asset, figure, params)
        if params.figure == "tile":
            yield from _tiles(asset, figure)
        yield from _read(asset, figure, params)
        distances.append(training_distance(asset, figure, params))
        if distances[-1] < LIMIT:
            yield "copy", f"{figure.name}: {distances[-1]} thousandths from a training picture, nearer than {LIMIT}"
    shown = [(figure, view) for figure in asset.figures for view in list(_views(asset, figure))[:1]]
    for (one, a), (other, b) in combinations(shown, 2):
        distance = distance_of(a, b)
        if distance < _APART:
            yield "members", f"{one.name} and {other.name} differ by {distance} thousandths, less than {_APART}"


def _colors(asset: Sprite, params: SpriteParams) -> Iterator[Problem]:
    if len(asset.palette) > params.colors:
        yield "colors", f"{len(asset.palette)} colors, not {params.colors}"
    palette = params.palette_colors
    if palette is not None:
        allowed = {tuple(color) for color in palette.tolist()}
        strange = [color for color in asset.colors[1:, :3].tolist() if tuple(color) not in allowed]
        if strange:
            yield "palette", f"{tuple(strange[0])} is no color of the palette"


def _asked(figure: Figure, params: SpriteParams) -> Iterator[Problem]:
    """Whether a figure says of itself what was asked for; whether it is true the reader tells."""
    tags = {layer.name: set(layer.tags) for layer in figure.layers}
    if params.figure in ("monster", "item", "tile"):
        for asked in (params.type, params.tag):
            if asked is not None and asked not in tags.get(params.figure, ()):
                yield "type", f"{figure.name} is no {asked}"
    elif params.figure == "hero":
        wear = {"base": params.race, **(params.wear or {})} if params.redraw is None else {}
        missing = [slot for slot, tag in wear.items() if slot not in tags or (tag and tag not in tags[slot])]
        if missing:
            yield "wear", f"{figure.name} lacks {', '.join(missing)} as it was asked for"
        if params.wear is not None and set(tags) != set(wear):
            yield "wear", f"{figure.name} wears {', '.join(sorted(set(tags) - set(wear)))} unasked"


def _kept(asset: Sprite, figure: Figure, params: SpriteParams) -> Iterator[Problem]:
    """Whether what had to stay did."""
    frame = figure.frames[0]
    if params.fixed is not None:
        shown, wanted = asset.colors[asset.flat(figure, frame)], params.fixed.pixels
        wrong = int(((wanted[..., 3] > 0) & (shown != wanted).any(axis=2)).sum())
        if wrong:
            yield "fixed", f"{wrong} fixed pixels have changed"
    if params.redraw is not None:
        earlier = params.redraw.asset
        names = [layer.name for layer in earlier.figure.layers]
        if [layer.name for layer in figure.layers] != names:
            yield "redraw", "the layers are not those of the earlier sprite"
            return
        for place, name in enumerate(names):
            same = np.array_equal(asset.colors[asset.cel(figure, frame, place)], earlier.layer(name))
            if same == (name in params.redraw.layers):
                yield "redraw", f"{name} is {'the same' if same else 'another'}"


def _clean(asset: Sprite, figure: Figure, params: SpriteParams) -> Iterator[Problem]:
    """Whether every frame keeps the limits of pixel craft."""
    limits, dark, (least, most) = LIMITS[params.figure], _dark(asset), pixels_of(params)
    for frame in figure.frames:
        found = craft(asset.flat(figure, frame), dark)
        pixels = found.opaque * SIDE**2 // asset.size**2
        border = found.border * SIDE // asset.size
        for holds, constraint, message in (
            (least <= pixels <= most, "pixels", f"{found.opaque} pixels show"),
            (found.main >= limits.main, "pieces", f"the largest piece has {found.main} thousandths"),
            (found.orphans <= limits.orphans, "orphans", f"{found.orphans} thousandths are lone pixels"),
            (found.jaggies <= limits.jaggies, "jaggies", f"{found.jaggies} thousandths of the outline are bumps"),
            (border <= limits.border, "border", f"{found.border} pixels lie on the border"),
            (
                not params.outline or found.outlined >= _OUTLINED,
                "outline",
                f"{found.outlined} thousandths of the outline are dark",
            ),
        ):
            if not holds:
                yield constraint, f"{figure.name}: {message}"


def _walks(asset: Sprite, figure: Figure, params: SpriteParams) -> Iterator[Problem]:
    """Whether a walker has all facings, stays on its feet and keeps its mass."""
    facings = [frame.facing for frame in figure.frames]
    if facings != [facing for facing in params.facings for _ in range(2)]:
        yield "facings", f"{figure.name} has {len(facings)} frames"
        return
    shown = [asset.flat(figure, frame) > 0 for frame in figure.frames]
    feet = [int(np.flatnonzero(one.any(axis=1))[-1]) for one in shown if one.any()]
    areas = [int(one.sum()) for one in shown]
    if len(feet) != len(shown) or max(feet) - min(feet) > _FEET:
        yield "feet", f"{figure.name}: the feet move up and down by more than {_FEET} pixel"
    elif max(abs(area * len(areas) - sum(areas)) for area in areas) * 1000 > _AREA * sum(areas):
        yield "area", f"{figure.name}: between {min(areas)} and {max(areas)} pixels show"
    for standing, step in zip(figure.frames[::2], figure.frames[1::2], strict=True):
        if np.array_equal(asset.flat(figure, standing), asset.flat(figure, step)):
            yield "steps", f"{figure.name} stands still where it looks {standing.facing}"


def _tiles(asset: Sprite, figure: Figure) -> Iterator[Problem]:
    """Whether a tile goes on at its sides."""
    found = seam(asset.light[asset.flat(figure, figure.frames[0])])
    if found > _SEAM:
        yield "seam", f"over the border light changes {found} thousandths of what it does inside"


def _read(asset: Sprite, figure: Figure, params: SpriteParams) -> Iterator[Problem]:
    """Whether the reader finds what each layer is said to show."""
    if params.figure == "walker":
        return
    pictures, asked = [], []
    for place, layer in enumerate(figure.layers):
        claims = [one for one in zip((layer.name, *layer.tags), layer.tags, strict=False) if one[0] in proof.READABLE]
        if claims:
            picture = asset.colors[_as_drawn(asset.cel(figure, figure.frames[0], place))]
            pictures += [picture] * len(claims)
            asked += claims
    believed = proof.reader().believed(pictures, asked)
    for (family, tag), share in zip(asked, believed, strict=True):
        if share < (ASKED if tag in params.asked else BELIEVED):
            yield "tags", f"{figure.name}: the reader gives {family} {tag!r} {share} percent of an even share"


def _dark(asset: Sprite) -> npt.NDArray[np.bool_]:
    """For each index whether its color is dark."""
    dark = asset.light < DARK
    dark[0] = False
    return dark
