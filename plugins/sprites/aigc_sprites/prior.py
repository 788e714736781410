"""A prior over the codes of drafts: of some that the Gaussians give, the one that is most like a learned picture's.

Codes do not lie in Gaussians; half of what these give are plans that fit no picture. A small network learned to tell
the codes of learned pictures from theirs, which gives the ratio of both densities, and a code is chosen by that ratio
(a noise contrastive prior with importance resampling: Aneja et al. 2021, arXiv:2010.02917; Bauer and Mnih 2019,
arXiv:1810.11428). Choosing among codes costs next to nothing, and nothing is drafted that is not chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, Stream
from aigc_content.nn import sampling
from aigc_content.nn.kernels import Int8
from aigc_content.nn.program import Condition, Input, Linear, Program, Quantize
from aigc_content.nn.run import Network
from aigc_sprites import draft

NAME = "prior"
"""Of the network in a model folder."""
PREFIX = f"{draft.NAME}.{NAME}."
"""Of its tensors: they belong to a draft, and go with it."""
CODE, CLASS = "code", "class"
_WIDTH = 192


def program() -> Program:
    """Codes and their classes to one logit each, that of a learned picture's."""
    return Program(
        (
            Input(CODE, (draft.LATENT,)),
            Linear(_WIDTH, "set"),
            Condition(CLASS, (draft.CLASSES,), _WIDTH),
            Quantize(rectified=True),
            Linear(_WIDTH),
            Linear(1, "set"),
        )
    )


class Prior:
    """Chooses among codes.

    Args:
        config: of the network, as a model folder has it.
        tensors: of the model folder; the network's begin with `PREFIX`.

    Raises:
        ModelError: M003, M005.
    """

    def __init__(self, config: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        plan = Program.from_json(config)
        own = {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)}
        self._network = Network(plan, own)
        if plan != program():
            raise ModelError("M005", "the prior is not of this version", remedy="train it again: --network prior")

    def choose(self, codes: Int8, place: int, rng: Stream) -> Int8:
        """One of some codes (N, `aigc_sprites.draft.LATENT`) of a class, by how like a learned picture's they are."""
        known = np.full((len(codes), 1), place, np.int64)
        scores = self._network({CODE: codes, CLASS: known})  # (N, 1) in 1/256 nat
        chosen: Int8 = codes[int(sampling.draw(scores.reshape(1, -1), rng)[0][0])]
        return chosen
