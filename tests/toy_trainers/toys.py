"""Two light trainers for the host's tests: `line` fits a small network with torch, `hill` climbs without it.

A loose plugin (``AIGC_PLUGINS_DIR=tests/toy_trainers``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load_file, save_file

from aigc_content import (
    AssetModel,
    Generator,
    GeneratorSpec,
    InputError,
    InputFile,
    Params,
    Request,
    Trainer,
    TrainRun,
    Verdict,
    hookimpl,
)
from aigc_content.nn.fitconfig import FitConfig

CARD = "---\nname: {name}\nlicense: CC0-1.0\n---\n"


class Nothing(AssetModel):
    pass


class Toy(Generator[Params, Nothing]):
    def generate(self, request: Request[Params]) -> Nothing:
        return Nothing()

    def verify(self, asset: Nothing, params: Params) -> Verdict:
        return Verdict(True)


class LineConfig(FitConfig):
    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(8, ge=1, le=64)
    pause: float = 0.0  # seconds a batch takes


class LineTrainer(Trainer[LineConfig]):
    """Learns y from lines of ``x y``; dropout makes random numbers matter."""

    objective = "square"

    def train(self, run: TrainRun[LineConfig]) -> None:
        import torch
        from torch import nn

        from aigc_content.nn.data import epochs
        from aigc_content.nn.train import fit, tensors

        config = run.config
        torch.manual_seed(config.seed)
        rows = np.loadtxt(run.data, dtype=np.float32, ndmin=2)
        net = nn.Sequential(nn.Linear(1, config.width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(config.width, 1))

        def make(chosen: list[int], rng: np.random.Generator) -> np.ndarray:
            time.sleep(config.pause)
            return rows[chosen] + rng.normal(scale=0.01, size=(len(chosen), 2)).astype(np.float32)

        def losses(model: nn.Module, batch: np.ndarray) -> dict:
            x, y = tensors(model, batch[:, :1], batch[:, 1:])
            return {"square": ((model(x) - y).square().sum(), len(batch))}

        def held_out(model: nn.Module) -> float:
            value, terms = losses(model, rows)["square"]
            return float(value) / terms

        def picture(model: nn.Module) -> np.ndarray:
            return np.full((2, 2, 3), 128, np.uint8)

        def write(model: nn.Module, steps: int) -> None:
            save_file(
                {name: value.numpy() for name, value in model.state_dict().items()}, run.out / "model.safetensors"
            )
            (run.out / "config.json").write_text(json.dumps({"width": config.width, "steps": steps}))
            (run.out / "README.md").write_text(CARD.format(name="line"))

        batches = epochs(list(range(len(rows))), 8, config.seed, make)
        write(net, fit(net, batches, losses, config, write, held_out=held_out, sample=picture, run=run))

    def evaluate(self, model: Path, data: Path) -> Mapping[str, float]:
        part = load_file(model / "model.safetensors")
        rows = np.loadtxt(data, dtype=np.float32, ndmin=2)
        hidden = np.tanh(rows[:, :1] @ part["0.weight"].T + part["0.bias"])
        return {"square": float(np.square(hidden @ part["3.weight"].T + part["3.bias"] - rows[:, 1:]).mean())}


class HillConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    x: float = Field(4.0, ge=-10, le=10)
    size: int = Field(3, ge=1, le=9)
    kind: Literal["round", "steep", "broken", "deadly", "nothing"] = "round"
    shape: tuple[int, ...] = (1, 2)
    seconds: float = 0.0
    notes: InputFile | None = None
    log: str = ""


class HillTrainer(Trainer[HillConfig]):
    """Height of a hill with its top at x = 1, size = 5; reports ten times on the way."""

    objective = "height"
    maximize = True

    def train(self, run: TrainRun[HillConfig]) -> None:
        config = run.config
        if run.data.read_text() == "bad":
            raise InputError("I003", "is bad", where=str(run.data))
        if config.kind == "broken":
            raise ZeroDivisionError("1 / 0")
        if config.kind == "deadly":
            os._exit(7)
        height = -abs(config.x - 1) - abs(config.size - 5) - (5 if config.kind == "steep" else 0)
        for step in range(1, 11):
            time.sleep(config.seconds / 10)
            if run.report is not None:
                run.report(step, -height + 10 - step)
        if config.log:
            with open(config.log, "a") as file:
                file.write(f"{config.x} {config.size}\n")
        save_file({"height": np.array([height], np.float32)}, run.out / "model.safetensors")
        (run.out / "config.json").write_text("{}")
        (run.out / "README.md").write_text(CARD.format(name="hill"))

    def evaluate(self, model: Path, data: Path) -> Mapping[str, float]:
        height = float(load_file(model / "model.safetensors")["height"][0])
        return {"height": height} if height > -20 else {"depth": height}


class Aimless(HillTrainer):
    objective = ""


def names() -> Iterator[tuple[str, str]]:
    yield "line", "LineTrainer"
    yield "hill", "HillTrainer"
    yield "aimless", "Aimless"


@hookimpl
def aigc_generators() -> list[GeneratorSpec]:
    return [GeneratorSpec(name, "a toy", "toys:Toy", f"toys:{trainer}") for name, trainer in names()]
