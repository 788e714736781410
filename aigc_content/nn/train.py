"""One training loop: warm-up, constant rate, decay, clipping, averaged weights, a time limit; Ctrl-C keeps all.

The averaged weights (EMA) are what is returned: they generalize better than the last step's (Polyak and Juditsky
1992). The rate stays constant and falls in the last part (Hu et al. 2024, arXiv:2404.06395), so that a run may be
continued.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.muon import Muon
from aigc_content.nn.quant import Table

Batch = TypeVar("Batch")


def fit(
    net: nn.Module,
    batches: Iterator[Batch],
    losses: Callable[[nn.Module, Batch], dict[str, tuple[Tensor, int]]],
    config: FitConfig,
    checkpoint: Callable[[nn.Module, int], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> int:
    """Train ``net`` in place and leave the averaged weights in it; returns the number of steps.

    Args:
        net: the model.
        batches: endless.
        losses: for a batch, each part's summed loss and the number of terms in it; the loss of a step is the sum
            of all parts over all terms.
        config: how.
        checkpoint: called now and then with the averaged weights in ``net`` and the steps so far.
        report: gets a progress line now and then; standard error when None.
    """
    say = report or (lambda line: print(line, file=sys.stderr, flush=True))
    if config.threads:
        torch.set_num_threads(config.threads)
    optimizers = _optimizers(net, config.learning_rate)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    progress = _Progress(config.minutes * 60, say)
    step = 0
    try:
        while (gone := step / config.steps if config.steps else progress.share()) < 1:
            decay = min(1.0, max(0.02, (1 - gone) / config.decay_share)) if config.decay_share else 1.0
            rate = config.learning_rate * min(1.0, (step + 1) / config.warmup_steps) * decay
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
            parts = losses(net, next(batches))
            terms = sum(count for _, count in parts.values())
            loss = torch.stack([value for value, _ in parts.values()]).sum() / max(terms, 1)
            net.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), config.clip)
            for optimizer in optimizers:
                optimizer.step()
            step += 1
            _average(average, net, min(config.ema, (step + 1) / (step + 10)))
            if checkpoint is not None and progress.due(config.checkpoint_minutes * 60):
                last = {name: value.clone() for name, value in net.state_dict().items()}
                net.load_state_dict(average)
                checkpoint(net, step)
                net.load_state_dict(last)
            progress.add(step, {name: (float(value.detach()), count) for name, (value, count) in parts.items()})
    except KeyboardInterrupt:
        say(f"stopped at step {step}; what was learned so far is kept")
    net.load_state_dict(average)
    return step


def _optimizers(net: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for matrices of weights, Adam for all else."""
    named = [(name, value) for name, value in net.named_parameters() if value.requires_grad]
    matrices = [value for name, value in named if value.ndim == 2 and value.shape[1] > 1 and not _is_table(net, name)]
    chosen = {id(value) for value in matrices}
    others = [value for _, value in named if id(value) not in chosen]
    found: list[torch.optim.Optimizer] = []
    if matrices:
        found.append(Muon(matrices, lr=rate))
    if others:
        found.append(torch.optim.Adam(others, lr=rate, betas=(0.9, 0.98)))
    return found


def _is_table(net: nn.Module, name: str) -> bool:
    return isinstance(net.get_submodule(name.rpartition(".")[0]), Table | nn.Embedding)


def _average(average: dict[str, Any], net: nn.Module, past: float) -> None:
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value, 1 - past)
            else:
                average[name].copy_(value)


class _Progress:
    """Losses since the last line, and the time."""

    def __init__(self, seconds: float, say: Callable[[str], None]) -> None:
        self._seconds, self._say = seconds, say
        self._start = self._last = self._saved = time.monotonic()
        self._sums: dict[str, tuple[float, int]] = {}
        self._steps = 0

    def share(self) -> float:
        """Share of the time that is gone."""
        return (time.monotonic() - self._start) / self._seconds

    def due(self, every: float) -> bool:
        """Whether it is time for a checkpoint, ``every`` so many seconds."""
        now = time.monotonic()
        if now - self._saved < every:
            return False
        self._saved = now
        return True

    def add(self, step: int, parts: dict[str, tuple[float, int]]) -> None:
        """Count a step; print a line every half minute."""
        for name, (value, count) in parts.items():
            total, terms = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, terms + count)
        self._steps += 1
        now = time.monotonic()
        if now - self._last < 30:
            return
        losses = "  ".join(f"{name} {total / max(terms, 1):.4f}" for name, (total, terms) in self._sums.items())
        rate = self._steps / (now - self._last)
        left = max(0.0, self._seconds - (now - self._start)) / 60
        self._say(f"step {step}  {losses}  {rate:.1f} steps/s  {left:.0f} min left")
        self._last, self._sums, self._steps = now, {}, 0
