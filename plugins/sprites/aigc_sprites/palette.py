"""`Palette`: the colors of a sprite (``palette:``), and what is decided by color in whole numbers.

Colors decide bytes, and a C library's ``cbrt`` or ``pow`` may differ in its last bit from another's. So `oklab`,
`nearest` and `ramps` compute with integers alone and give the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files
from math import isqrt
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from aigc_content import InputError, Written, did_you_mean, open_input
from aigc_sprites.palette_files import MAX_COLORS, REDUCED, SUFFIXES, Colors, read_colors, suffix_of

MAX_RAMPS = 8
GRAY_CHROMA = 20
"""Colors of less chroma than this, in 1/1000 of OKLab, belong to the ramp of grays."""

_ONE = 1 << 20  # 1.0 of a cube root; light itself is in 1 / 2**60, the product of two numbers in 1 / 2**30
_CONTEXT = Context(prec=30, rounding=ROUND_HALF_EVEN)
_APART = 120_000  # what one more ramp must save in squared tenths of a degree: two lone colors part at 49 degrees
_AS_LIGHT, _MORE_VIVID = 80, 60  # 1/1000: rivals are as close as this in lightness, and as far apart in chroma

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Palette(Written):
    """The ``palette:`` of a recipe: a shipped one, or a file of the user's own.

    Two are equal, and hash alike, if name and colors are.

    Attributes:
        name: as written: ``dusk``, or a path such as ``./mine.gpl`` (it has a slash or a dot).
        rgb: three bytes a color.
    """

    name: str
    rgb: bytes = field(repr=False)

    @property
    def colors(self) -> Colors:
        """The colors in the order of the file, uint8 (N, 3), 2 <= N <= `MAX_COLORS`, no two alike; read-only."""
        return np.frombuffer(self.rgb, np.uint8).reshape(-1, 3)

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of `rgb`: palettes of the same colors in the same order share it, whatever their files."""
        return sha256(self.rgb).hexdigest()

    @classmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """See `Written`; the file is read and checked too.

        Raises:
            ValueError: not text.
            InputError: SPR001 to SPR008, or the host's I001 to I004.
        """
        if not isinstance(value, str) or not value.strip():
            raise ValueError("the name of a palette, or a file, is expected")
        if not any(mark in value for mark in "./\\"):
            return cls(value, shipped_palette(value).rgb)
        suffix = suffix_of(value)
        return cls(value, read_colors(open_input(value, info), suffix).tobytes())

    def written(self, *, digests: bool) -> Any:
        """See `Written`."""
        return {"palette": self.digest} if digests else self.name

    @classmethod
    def described(cls) -> JsonSchemaValue:
        """See `Written`."""
        return {
            "type": "string",
            "description": (
                f"a shipped palette ({', '.join(shipped_names())}), or a file of 2 to {MAX_COLORS} colors "
                f"({', '.join(SUFFIXES)}; a picture of more colors is reduced to {REDUCED})"
            ),
        }


@lru_cache(maxsize=1)
def shipped_names() -> tuple[str, ...]:
    """The names of the palettes that the plugin ships, sorted."""
    names = (entry.name for entry in (files("aigc_sprites") / "palettes").iterdir())
    return tuple(sorted(name.removesuffix(".hex") for name in names if name.endswith(".hex")))


@lru_cache(maxsize=64)
def shipped_palette(name: str) -> Palette:
    """A palette that the plugin ships; read once a process.

    Raises:
        InputError: SPR001, there is none of that name.
    """
    if name not in shipped_names():
        raise InputError(
            "SPR001",
            f"there is no palette {name!r}",
            allowed=f"{', '.join(shipped_names())}, or a file such as ./mine.gpl",
            remedy=did_you_mean(name, shipped_names(), "take one of these, or name a file with its suffix"),
        )
    text = (files("aigc_sprites") / "palettes" / f"{name}.hex").read_text("ascii")
    return Palette(name, bytes.fromhex(text))


def oklab(colors: Colors) -> npt.NDArray[np.int32]:
    """Colors in OKLab: how light, how red (minus is green), how yellow (minus is blue) they look.

    Distances in it are about as large as they look. The same on every machine: a table of linear light made by
    `decimal`, whose ``exp`` and ``ln`` round correctly; cube roots that integers set right; matrices in 1 / 2**30 and
    1 / 2**20. The result is within 1/1000 of the exact value.

    Args:
        colors: uint8 (..., 3), sRGB.

    Returns:
        int32 (..., 3) in 1/1000: L from 0 (black) to 1000 (white), a from -234 to 276, b from -312 to 199.

    Source:
        B. Ottosson, "A perceptual color space for image processing", 2020,
        https://bottosson.github.io/posts/oklab, with the matrices of 2021-01-25.
    """
    light, to_cones, to_lab = _tables()
    cones = light[colors] @ to_cones  # (..., 3) in 1 / 2**60
    roots: npt.NDArray[np.int64] = np.cbrt(cones).astype(np.int64)  # in 1 / _ONE, nowhere off by more than 1
    roots -= roots**3 > cones
    roots += (roots + 1) ** 3 <= cones  # the largest integers whose cubes do not exceed the cones
    return ((roots @ to_lab + (1 << 39)) >> 40).astype(np.int32)


def nearest(colors: Colors, palette: Colors) -> _Ints:
    """The color of a palette that looks most like each of some colors, by squared distance in `oklab`.

    Args:
        colors: uint8 (..., 3).
        palette: uint8 (N, 3), N >= 1.

    Returns:
        Indices into ``palette``, int64 (...); of colors equally near the lowest index.
    """
    wanted = oklab(colors)
    found = np.zeros(wanted.shape[:-1], np.int64)
    least = np.full(wanted.shape[:-1], np.iinfo(np.int32).max, np.int32)
    for index, one in enumerate(oklab(palette)):
        distance = ((wanted - one) ** 2).sum(axis=-1, dtype=np.int32)
        found[distance < least] = index
        least = np.minimum(least, distance)
    return found


def ramps(palette: Colors) -> list[list[int]]:
    """A palette as ramps: runs of colors from dark to light that can shade one material.

    Colors of less chroma than `GRAY_CHROMA` are one ramp. The circle of the others' hues is opened at its widest gap
    and cut, so that the squared deviations of hue within the pieces plus a price for each piece are least; last, a
    piece in which vivid and muted colors run side by side is cut in two. All in integers.

    Args:
        palette: uint8 (N, 3); best without doubles.

    Returns:
        At most `MAX_RAMPS` lists of indices into ``palette``, each index in one of them, each list sorted by
        lightness (ties by index). The grays, if any, come first; then by hue, from the widest gap on.
    """
    lab: list[list[int]] = oklab(palette).tolist()
    chromas = [isqrt(a * a + b * b) for _, a, b in lab]
    grays = [index for index, chroma in enumerate(chromas) if chroma < GRAY_CHROMA]
    tinted = [(_hue(a, b), index) for index, (_, a, b) in enumerate(lab) if chromas[index] >= GRAY_CHROMA]
    pieces = _cut_circle(sorted(tinted), MAX_RAMPS - bool(grays))
    room = MAX_RAMPS - bool(grays) - len(pieces)
    found = [grays] if grays else []
    for piece in pieces:
        parts = _side_by_side(piece, lab, chromas) if room else [piece]
        room -= len(parts) - 1
        found += parts
    return [sorted(ramp, key=lambda index: (lab[index][0], index)) for ramp in found]


@lru_cache(maxsize=1)
def _tables() -> tuple[_Ints, _Ints, _Ints]:
    """Linear light (256,) in 1 / 2**30 and the matrices of `oklab`, transposed: (3, 3) in 1 / 2**30, and (3, 3) from
    roots in 1 / _ONE to 1000 / 2**40."""
    to_cones = (
        ("0.4122214708", "0.5363325363", "0.0514459929"),
        ("0.2119034982", "0.6806995451", "0.1073969566"),
        ("0.0883024619", "0.2817188376", "0.6299787005"),
    )
    to_lab = (
        ("0.2104542553", "0.7936177850", "-0.0040720468"),
        ("1.9779984951", "-2.4285922050", "0.4505937099"),
        ("0.0259040371", "0.7827717662", "-0.8086757660"),
    )

    def whole(values: Any, one: int) -> _Ints:
        return np.array([int((Decimal(value) * one).to_integral_value()) for value in values], np.int64)

    with localcontext(_CONTEXT):
        linear = [_linear(Decimal(value) / 255) for value in range(256)]
        return (
            whole(linear, 1 << 30),
            np.array([whole(row, 1 << 30) for row in to_cones]).T,
            np.array([whole(row, 1000 * _ONE) for row in to_lab]).T,
        )


def _linear(value: Decimal) -> Decimal:
    """Light, 0 to 1, of an sRGB value, 0 to 1 (IEC 61966-2-1)."""
    if value <= Decimal("0.04045"):
        return value / Decimal("12.92")
    return (((value + Decimal("0.055")) / Decimal("1.055")).ln() * Decimal("2.4")).exp()


def _hue(a: int, b: int) -> int:
    """The angle of (a, b) from 0 to 3599: tenths of a degree, exact at multiples of 45 degrees, else within 4.1."""
    whole = abs(a) + abs(b)
    if a > 0 and b >= 0:
        return 900 * b // whole
    if b > 0:
        return 900 + 900 * -a // whole
    if a < 0:
        return 1800 + 900 * -b // whole
    return 2700 + 900 * a // whole


def _cut_circle(tinted: Sequence[tuple[int, int]], most: int) -> list[list[int]]:
    """Pairs of hue and index, sorted by hue, in at most ``most`` pieces of indices; see `ramps`."""
    count = len(tinted)
    if not count:
        return []
    hues = [hue for hue, _ in tinted]
    gaps = [(hues[place] - hues[place - 1]) % 3600 for place in range(count)]
    first = max(range(count), key=lambda place: (gaps[place], -place))
    order = [*tinted[first:], *((hue + 3600, index) for hue, index in tinted[:first])]

    def price(start: int, end: int) -> int:
        values = [hue for hue, _ in order[start:end]]
        return sum(hue * hue for hue in values) - sum(values) ** 2 // len(values) + _APART

    prices = {(start, end): price(start, end) for start in range(count) for end in range(start + 1, count + 1)}
    reached: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    whole = []
    for _ in range(min(most, count)):
        reached = {
            end: min((so_far + prices[start, end], (*cuts, end)) for start, (so_far, cuts) in before)
            for end in range(1, count + 1)
            if (before := [one for one in reached.items() if one[0] < end])
        }
        whole.append(reached[count])
    cuts = min(whole)[1]
    starts = (0, *cuts[:-1])
    return [[index for _, index in order[start:end]] for start, end in zip(starts, cuts, strict=True)]


def _side_by_side(piece: list[int], lab: list[list[int]], chromas: list[int]) -> list[list[int]]:
    """A piece as its vivid and its muted ramp if at least two pairs of colors are rivals, else as it is.

    Both grow from the pair furthest apart in chroma, to the light and to the dark: each color joins the ramp whose
    end is nearer in a and b.
    """
    piece = sorted(piece, key=lambda index: (lab[index][0], index))
    rivals = [
        (abs(chromas[one] - chromas[other]), one, other)
        for place, one in enumerate(piece)
        for other in piece[place + 1 :]
        if lab[other][0] - lab[one][0] <= _AS_LIGHT and abs(chromas[one] - chromas[other]) >= _MORE_VIVID
    ]
    if len({one for _, one, _ in rivals}) < 2 or len({other for _, _, other in rivals}) < 2:
        return [piece]
    _, one, other = max(rivals)
    seeds = sorted((one, other), key=lambda index: -chromas[index])
    parts = [[seeds[0]], [seeds[1]]]
    middle = lab[one][0] + lab[other][0]
    lighter = [index for index in piece if index not in seeds and 2 * lab[index][0] >= middle]
    darker = [index for index in reversed(piece) if index not in seeds and 2 * lab[index][0] < middle]
    for side in (lighter, darker):
        ends = list(seeds)
        for index in side:
            far = [sum((p - q) ** 2 for p, q in zip(lab[end][1:], lab[index][1:], strict=True)) for end in ends]
            chosen = far.index(min(far))
            parts[chosen].append(index)
            ends[chosen] = index
    return parts if min(map(len, parts)) > 1 else [piece]
