"""The trainer behind ``aigc train names --data names.txt --out DIR``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import save_file

from aigc_content import InputError, Trainer, TrainRun
from aigc_names import chain

CARD = """---
name: {name}
license: {license}
datasets: [{data}]
---
# {name}

A letter chain of order 2, counted from {count} names. Made by `aigc train names`.
"""


class NameConfig(BaseModel):
    """Options of ``aigc train names``; each is also ``--key value``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("names", description="the model's name on its card")
    license: str = Field("Apache-2.0", description="SPDX expression of the training names' license")


class NameTrainer(Trainer[NameConfig]):
    """Counts."""

    def train(self, run: TrainRun[NameConfig]) -> None:
        """Write a complete model folder: weights, configuration, card."""
        names = read(run.data)
        save_file({"counts": chain.count(names).astype("int16")}, run.out / "model.safetensors")
        (run.out / "config.json").write_text(json.dumps({"family": "chain", "order": 2}) + "\n")
        card = CARD.format(name=run.config.name, license=run.config.license, data=run.data.name, count=len(names))
        (run.out / "README.md").write_text(card)

    def evaluate(self, model: Path, data: Path) -> Mapping[str, float]:
        """Share of the letters of other names that the model could have drawn."""
        counts = chain.load(model)
        seen = [bool(counts[step]) for name in read(data) for step in chain.steps(name)]
        return {"names": len(read(data)), "known_steps": round(sum(seen) / len(seen), 3)}


def read(path: Path) -> list[str]:
    """Names from a text file, one a line."""
    names = [line.strip().lower() for line in path.read_text("utf-8").splitlines() if line.strip()]
    strange = [name for name in names if not set(name) < set(chain.LETTERS)]
    if strange or not names:
        raise InputError("I003", "holds no names of letters a to z only", where=str(path), remedy="one name a line")
    return names
