"""How pictures are drawn: in how many parts, how warm, how near to their drafts; a schedule for each kind."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aigc_sprites import model as m
from aigc_sprites.tidy import CRUMB


@dataclass(frozen=True)
class Schedule:
    """How hidden pixels are drawn.

    Attributes:
        forms, lights: in so many parts forms, then light, are drawn, one after the other.
        forms_again, lights_again: so many thirds of the forms, then of the light, are drawn once more, each with all
            others known; what was drawn at the same time without knowing of each other is mended so.
        hot, cold: temperature of the first and the last part of the forms.
        light: temperature of the light.
        reach: pixels within which those of the first part choose alike (`aigc_content.nn.sampling.coupled`), of the
            forms and of the light; it falls to ``least`` in the last part and what is drawn again.
        least: of both.
        plan: share of a draft in what pixels are drawn by, in 1/256: in the first part of the forms, in the last, in
            the light.
        loose: how far from its draft, which the network sees, a picture may lie (`aigc_sprites.model.LOOSE`).
        guidance: how far conditions push the forms, in 1/256; 0 takes one pass a part, else two.
        crumb: pieces of less than so many thousandths of the pixels are taken out before the light falls.
    """

    forms: int = 8
    lights: int = 3
    forms_again: int = 0
    lights_again: int = 0
    hot: float = 1.0
    cold: float = 0.5
    light: float = 0.5
    reach: tuple[int, int] = (0, 0)
    least: int = 0
    plan: tuple[int, int, int] = (0, 0, 0)
    loose: int = 0
    guidance: int = 0
    crumb: int = CRUMB

    def parts(self, stage: int) -> int:
        """Number of parts of a stage."""
        return self.forms if stage == m.FORM else self.lights

    def again(self, stage: int) -> int:
        """Number of thirds of a stage's pixels that are drawn once more."""
        return self.forms_again if stage == m.FORM else self.lights_again

    def alike(self, stage: int, part: int) -> int:
        """Pixels within which those of a part choose alike."""
        rest = max(1, self.parts(stage) - 1)
        return max(self.least, (2 * self.reach[stage] * (rest - part) + rest) // (2 * rest))

    def share(self, stage: int, part: int) -> int:
        """Share of a draft in a part, in 1/256."""
        hot, cold, light = self.plan
        return light if stage == m.LIGHT else hot + (cold - hot) * part // max(1, self.forms - 1)

    def warmth(self, stage: int, part: int) -> float:
        """Temperature of a part."""
        if stage == m.LIGHT:
            return self.light
        return self.hot if self.forms == 1 else self.hot + (self.cold - self.hot) * part / (self.forms - 1)


_CREATURE = Schedule(
    2, 1, hot=1.0, cold=0.7, light=0.5, reach=(1, 1), least=1, plan=(160, 40, 128), loose=1, crumb=150
)
_ASKED = 512  # guidance of what shall show a tag; of layers half as much
_LAYER = Schedule(2, 1, hot=1.0, cold=0.7, light=0.5, plan=(160, 40, 128), loose=1, crumb=150)
_DRAFTED = {
    "layer": _LAYER,
    **{f"layer/{name}": replace(_LAYER, light=0.6, reach=(0, 2)) for name in ("body", "cloak", "hand1", "hand2")},
    "layer/base": Schedule(6, 2, forms_again=1, cold=0.5, light=0.8, reach=(0, 2), loose=2, crumb=150),
    "monster": _CREATURE,
    "item": _CREATURE,
    "tile": Schedule(4, 3, light=0.8, reach=(2, 1), plan=(160, 40, 100), loose=1),
}
"""With a draft. Bodies only look at theirs, from afar: there are so few that else they would be copies."""

_CREATURE_ALONE = Schedule(6, 2, forms_again=1, cold=0.7, light=0.9, reach=(1, 1), least=1, crumb=150)
_LARGE_ALONE = Schedule(5, hot=0.7, cold=0.35, light=0.9, reach=(0, 2), guidance=192, crumb=150)
_ALONE = {
    "layer": Schedule(5, 2, hot=0.7, cold=0.35, light=0.5, crumb=150),
    **{f"layer/{name}": _LARGE_ALONE for name in ("body", "cloak", "hand1", "hand2")},
    "layer/base": Schedule(10, forms_again=2, hot=0.9, cold=0.3, light=0.9, reach=(0, 2), crumb=150),
    "monster": _CREATURE_ALONE,
    "item": _CREATURE_ALONE,
    "tile": Schedule(lights=6, forms_again=3, light=0.9, reach=(2, 1)),
    "walker": Schedule(16, 4, forms_again=3, cold=0.3, light=0.25, crumb=150),
}
"""Without one: in more parts, for nothing else makes a picture hold together."""


def schedule_of(label: str, drafted: bool, tagged: bool = False) -> Schedule:
    """How pictures of a label are drawn.

    Args:
        label: one of `aigc_sprites.model.LABELS`.
        drafted: whether there is a draft.
        tagged: whether a tag was asked for.
    """
    kind, known = label.partition("/")[0], _DRAFTED if drafted else _ALONE
    schedule = known.get(label) or known[kind]
    if tagged and label != "layer/base" and kind != "walker":
        return replace(schedule, guidance=_ASKED // 2 if kind == "layer" else _ASKED)
    return schedule
