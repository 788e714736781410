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


CALM = Schedule(
    4, 2, forms_again=1, hot=0.9, cold=0.6, light=0.6, reach=(1, 1), least=1, plan=(200, 40, 160), crumb=150
)
"""Of creatures and things."""
ASKED = replace(CALM, guidance=512)
"""Of creatures and things that shall show a tag."""
GROUND = Schedule(lights=6, forms_again=3, light=0.9, reach=(2, 1))
"""Of tiles, whose grain is what they are."""
LARGE = Schedule(4, hot=0.7, cold=0.35, light=0.6, reach=(0, 2), plan=(200, 0, 128), crumb=150)
"""Of a hero's larger layers, which must fit what lies beneath."""
WORN = replace(LARGE, guidance=256)
"""Of layers that shall show a tag."""
BODY = Schedule(forms=10, forms_again=2, hot=0.9, cold=0.3, light=0.9, reach=(0, 2), crumb=150)
"""Of a hero's body: all else lies on it."""
SMALL = Schedule(4, 2, hot=0.7, cold=0.35, light=0.5, plan=(200, 0, 128), crumb=150)
"""Of a hero's smaller layers: most of their pixels are clear, and where is soon sure."""
WALKING = Schedule(forms=16, lights=4, forms_again=3, cold=0.3, light=0.25, crumb=150)
"""Of walkers, whose pictures must fit each other."""

_LARGE = ("body", "cloak", "hand1", "hand2")
_SCHEDULES = {"layer/base": BODY, "monster": CALM, "item": CALM, "tile": GROUND, "walker": WALKING}


def schedule_of(label: str, tagged: bool = False) -> Schedule:
    """How pictures of a label are drawn; ``tagged`` when a tag was asked for."""
    kind, _, name = label.partition("/")
    if tagged and kind in ("layer", "monster", "item") and label not in _SCHEDULES:
        return WORN if kind == "layer" else ASKED
    return _SCHEDULES.get(label) or _SCHEDULES.get(kind, LARGE if name in _LARGE else SMALL)
