"""Train the level model on plain maps: `aigc train levels --data DIR [--game FILE]`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ConfigDict, Field

from aigc_content import InputError, Trainer, TrainRun, write_card
from aigc_content.nn import modelfile
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_levels import maps as maps_
from aigc_levels import model as m
from aigc_levels.draw import FORMAT, LevelModel
from aigc_levels.game import GameRef
from aigc_levels.maps import Batch, Map

if TYPE_CHECKING:
    from torch import Tensor, nn

RATES = (0.3, 0.6, 0.9)
_TEMPLATE_CELLS = 240
_MEASURED = 8  # batches of held-out maps
_LICENSE = "GPL-2.0-or-later"


class LevelConfig(FitConfig):
    """How to train a level model.

    Attributes:
        game: whose characters the maps use; imported data sets use the plain format's whatever it says.
        cells: cells of a batch.
        channels, down, up: sizes of the network (`aigc_content.nn.unet.UNetConfig`).
        license: of the weights, as the maps require it; written into the card.
        name: the model's, written into the card.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    game: GameRef = GameRef("dungeon")
    cells: int = Field(default=6144, ge=256, le=1 << 20)
    channels: tuple[int, ...] = (48, 96, 128)
    down: tuple[tuple[int, ...], ...] = ((1,), (1, 2), (1, 2, 4, 1))
    up: tuple[tuple[int, ...], ...] = ((1, 1), (1, 2))
    license: str = "LicenseRef-your-maps"
    name: str = "levels"


class LevelTrainer(Trainer[LevelConfig]):
    """Trains `aigc_levels.draw.LevelModel` in float with rounding and writes its integers."""

    objective = "structure_loss_60"

    def train(self, run: TrainRun[LevelConfig]) -> None:
        """Train for the configured time and write the model folder.

        Raises:
            InputError: L010, L030, the maps cannot be used; L031, there is early stop and no map is held out.
            ModelError: the model to continue from cannot be used.
        """
        import torch

        from aigc_content.nn.train import fit
        from aigc_content.nn.unet_train import UNet as TrainedUNet

        config = run.config
        learned = maps_.load_maps(run.data, config.game.game, "train")
        held = maps_.load_maps(run.data, config.game.game, "held-out")
        if config.patience and not held:
            raise _none_held_out(run.data)
        torch.manual_seed(config.seed)
        sizes = UNetConfig(
            planes=m.PLANES,
            conditions=tuple(m.CONDITIONS.values()),
            outputs=m.OUTPUTS,
            channels=config.channels,
            down=config.down,
            up=config.up,
        )
        if run.base is not None:
            LevelModel(run.base)
            stored, tensors = modelfile.load(run.base)
            sizes = UNetConfig.from_json(stored["network"])
        net = TrainedUNet(sizes)
        if run.base is not None:
            net.restore(tensors)

        def batches(start: int) -> Iterator[Batch]:
            return maps_.batches(learned, config.cells, config.seed, start)

        def checkpoint(trained: nn.Module, steps: int) -> None:
            self._write(run, net.export(), sizes, learned, [], steps)

        measured = list(islice(maps_.batches(held, config.cells, seed=1), _MEASURED)) if held else []

        def held_out(trained: nn.Module) -> float:
            parts = [part for batch in measured for part in _losses(trained, batch).values()]
            return sum(float(loss) for loss, _ in parts) / max(sum(count for _, count in parts), 1)

        steps = fit(net, batches, _losses, config, checkpoint, held_out=held_out if held else None, run=run)
        self._write(run, net.export(), sizes, learned, held, steps)

    def _write(
        self,
        run: TrainRun[LevelConfig],
        tensors: modelfile.Tensors,
        sizes: UNetConfig,
        learned: Sequence[Map],
        held: Sequence[Map],
        steps: int,
    ) -> None:
        big = [item for item in learned if item.structure.size >= _TEMPLATE_CELLS] or list(learned)
        lines = [m.describe(item.structure, item.objects, item.source, item.difficulty) for item in big]
        tensors["templates"] = np.array(lines, dtype=np.int16)
        conditions = [list(item) for item in m.CONDITIONS.items()]
        modelfile.save(run.out, {"format": FORMAT, "conditions": conditions, "network": sizes.to_json()}, tensors)
        figures = held_out_losses(LevelModel(run.out).net, held) if held else {}
        _write_card(run, learned, held, steps, figures)

    def evaluate(self, model: Path, data: Path) -> Mapping[str, int | float | str]:
        """Held-out cross-entropy in nat a hidden cell, by layer and share hidden.

        Raises:
            InputError: L031, the data hold no held-out map.
        """
        held = maps_.load_maps(data, GameRef("dungeon").game, "held-out")
        if not held:
            raise _none_held_out(data)
        return held_out_losses(LevelModel(model).net, held)


def _none_held_out(data: Path) -> InputError:
    return InputError("L031", "no map is held out", where=str(data), remedy="add maps: at least ten files")


def _losses(net: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, int]]:
    """Cross-entropy of the hidden cells, summed, by layer."""
    import torch.nn.functional as F

    from aigc_content.nn.train import tensors

    planes, told, inside, targets = tensors(net, batch.planes, batch.told, batch.inside, batch.targets)
    logits = net(planes, told, inside)
    cut = len(m.STRUCTURES)
    result: dict[str, tuple[Tensor, int]] = {}
    for layer, (name, part) in enumerate((("structure", logits[:, :cut]), ("objects", logits[:, cut:]))):
        loss = F.cross_entropy(part, targets[:, layer], ignore_index=-100, reduction="sum")
        result[name] = (loss, int((targets[:, layer] >= 0).sum()))
    return result


def held_out_losses(net: UNet, held: Sequence[Map]) -> dict[str, int | float | str]:
    """Cross-entropy of the integer network on maps that training never saw, in nat a hidden cell.

    Every condition is told; what is hidden follows from seed 1. Each map is seen once for every layer and rate.
    """
    rng = np.random.default_rng(1)
    result: dict[str, int | float | str] = {"held_out_maps": len(held)}
    cut = len(m.STRUCTURES)
    for stage, name in ((m.STRUCTURE_STAGE, "structure"), (m.OBJECT_STAGE, "objects")):
        for rate in RATES:
            total, count = 0.0, 0
            for item in held:
                batch = maps_.hide([item], rng, rate=rate, stage=stage, told=True)
                rows, columns = item.structure.shape
                logits = net(batch.planes[:, :, :rows, :columns], batch.told) / 256.0
                part = logits[0, :, :, cut:] if stage else logits[0, :, :, :cut]
                target = batch.targets[0, stage, :rows, :columns]
                hidden = target >= 0
                scores = part[hidden]
                peak = scores.max(axis=1, keepdims=True)
                norm = np.log(np.exp(scores - peak).sum(axis=1)) + peak[:, 0]
                total += float((norm - scores[np.arange(len(scores)), target[hidden]]).sum())
                count += int(hidden.sum())
            result[f"{name}_loss_{int(rate * 100)}"] = round(total / max(count, 1), 4)
    return result


def _write_card(
    run: TrainRun[LevelConfig],
    learned: Sequence[Map],
    held: Sequence[Map],
    steps: int,
    figures: Mapping[str, int | float | str],
) -> None:
    config = run.config
    names = {value: name for name, value in maps_.SOURCES.items()}
    counts = Counter(names.get(item.source, "your maps") for item in learned)
    cells = sum(item.structure.size for item in learned)
    lines = ", ".join(f"{number:,} from {name}" for name, number in sorted(counts.items()))
    write_card(
        run.out,
        name=config.name,
        license=config.license,
        datasets=sorted(counts),
        text=f"""
A masked-token U-Net over level maps (structure first, objects second), trained with rounding and stored as
integers; it runs in `aigc_levels.draw.LevelModel`.

- Data: {len(learned):,} maps, {cells:,} cells ({lines}); {len(held):,} maps of other areas were held out.
- sha256 of the training layers: `{maps_.digest(learned)}`
- Training: {steps:,} steps of about {config.cells:,} cells, seed {config.seed},
  learning rate {config.learning_rate:g}.{run.origin}
- License of the weights: {config.license}, as the training maps require.
""",
        figures=figures or {"held-out maps": 0},
        measured="held-out maps, nat a hidden cell",
    )
