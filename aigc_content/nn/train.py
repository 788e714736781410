"""One training loop for every network: one player, or several that move in turn.

Warm-up and schedule of the rate, clipping, averaged weights, bfloat16 where it pays, measurements on held-out data
with early stop, sample pictures, checkpoints by time, TensorBoard, a progress line, Ctrl-C that saves, and a state
from which a killed run goes on bit for bit. The averaged weights (EMA) are what is kept: they generalize better
than the last step's (Polyak and Juditsky 1992). A GPU is used when there is one.

Going on bit for bit asks three things of a caller: that batches depend on the step's number alone (see
`aigc_content.nn.data`), that losses draw random numbers from torch's default generator or from their batch, and
that nothing else remembers. It holds on the same machine with the same torch and number of threads; on a GPU only
as far as its kernels add in a fixed order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from aigc_content.nn import quick
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.interrupt import FirstInterrupt
from aigc_content.nn.player import Batch, Player, Side, only
from aigc_content.nn.quant import Layer, Rounded
from aigc_content.nn.trainlog import Log, Parts, check_finite
from aigc_content.nn.trainstate import SUFFIX, Tensors, load, load_facts, save, unusable

if TYPE_CHECKING:
    from aigc_content.generator import TrainRun

__all__ = ["Player", "fit", "tensors"]

_LOWEST = 0.02  # of the rate, at the end of a schedule


def fit(
    net: nn.Module,
    batches: Callable[[int], Iterator[Batch]],
    losses: Callable[[nn.Module, Batch], Parts] | Sequence[Player[Batch]],
    config: FitConfig,
    checkpoint: Callable[[nn.Module, int], None] | None = None,
    *,
    held_out: Callable[[nn.Module], float] | None = None,
    sample: Callable[[nn.Module], bytes | npt.NDArray[Any]] | None = None,
    run: TrainRun[Any] | None = None,
    name: str = "net",
    say: Callable[[str], None] | None = None,
) -> int:
    """Train ``net`` in place and leave the averaged weights in it, on the CPU; returns the number of steps.

    The callbacks see the averaged weights, in evaluation mode and without gradients; whatever random numbers they
    draw, and whenever they are called, changes nothing in the run. ``losses`` and ``held_out`` find the network on
    its device (`tensors` puts arrays beside it), ``checkpoint`` and ``sample`` on the CPU.

    Precision: with bfloat16 the losses are computed under torch's autocast. A network with layers of
    `aigc_content.nn.quant` in it computes on whole numbers, which bfloat16 cannot hold, so its forward pass stays
    exact whatever ``config.precision`` says, and its losses may wrap what is not whole (a critic, say) in
    ``torch.autocast`` themselves. Where the processor can (`aigc_content.nn.quick`), the gradients of its
    convolutions are computed in bfloat16, unless ``float32`` is asked for.

    Args:
        net: the network, or one module that holds all networks of a joint training. Its modes (training or
            evaluation) stay as they are.
        batches: from a step's number, from 0, the endless batches from that step on: equal numbers, equal batches.
            The length of a batch is its number of samples.
        losses: for the network and a batch, each part's summed loss and the number of terms in it; the loss of a
            step is the sum of all parts over all terms. Or the players, who move in turn on the same batch.
        config: how.
        checkpoint: called now and then with the network and the steps so far.
        held_out: a loss on data that training never sees; lower is better.
        sample: a picture of what the network makes: a PNG file, or uint8 pixels as `aigc_content.encode_png` takes
            them. Written to ``samples`` in the run's folder.
        run: keeps the state of training in ``run.work``, gets measurements and pictures; None keeps nothing.
        name: of the state; trainers that fit several networks one after the other give each its own. After one that
            was interrupted, those that follow it are not trained: 0 steps.
        say: gets each line of progress; standard error when None.

    Raises:
        ModelError: M020 a loss is not a finite number, M021 the state in ``run.work`` is not one of this training.
        ValueError: there is early stop without ``held_out``, or a player without parameters.
    """
    if config.patience and held_out is None:
        raise ValueError("early stop (`patience`) needs `held_out`")
    if config.threads:
        torch.set_num_threads(config.threads)
    training = _Training(net, [Player(net, losses)] if callable(losses) else losses, config)
    state = run.work / f"{name}{SUFFIX}" if run is not None and run.work is not None else None
    if state is not None and state.exists():
        training.restore(state)
    elif state is not None and any(not load_facts(path)["done"] for path in state.parent.glob(f"*{SUFFIX}")):
        training.done = True  # its turn comes when the one before has been trained to its end
    with Log(say, run.tensorboard if run is not None else None, training.step) as log, FirstInterrupt() as interrupt:
        if training.step:
            log.note(f"going on from step {training.step:,}")
        if config.precision == "bfloat16" and not training.mixed:
            log.note("the network computes on whole numbers: its forward pass stays in float32")
        source = batches(training.step)
        while not training.done and not interrupt.came:
            training.advance(next(source), log)
            if held_out is not None:
                training.measure(held_out, log, run)
            if sample is not None and run is not None:
                training.show(sample, log, run)
            training.keep(checkpoint, state, log)
        log.means(training.step)
        if state is not None and training.step:
            training.save(state)
        if interrupt.came:
            log.note(f"stopped at step {training.step:,}; what was learned so far is kept")
    training.leave()
    return training.step


def tensors(net: nn.Module, *arrays: npt.NDArray[Any]) -> list[Tensor]:
    """The arrays as tensors on the device of a network."""
    device = next(net.parameters()).device
    return [torch.from_numpy(array).to(device) for array in arrays]


class _Training:
    """All that changes while a network is trained."""

    def __init__(self, net: nn.Module, players: Sequence[Player[Any]], config: FitConfig) -> None:
        self._net, self._config = net, config
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        net.to(self._device)
        self.mixed = _uses_bfloat16(net, config.precision, self._device)
        if config.precision != "float32" and self._device.type == "cpu" and quick.available():
            for layer in self._layers():
                layer.quick = True
        self._sides = [Side(player) for player in players]
        self._average = _copy(net.state_dict())
        self._best: dict[str, Tensor] = {}
        self._best_value = math.inf
        self._worse = 0
        self.step = 0
        self.done = False
        self._start = self._saved = time.monotonic()  # the start moves back by the time of a run that goes on

    def advance(self, batch: Sized, log: Log) -> None:
        """One step: each player's move, then the average."""
        config = self._config
        rate = config.learning_rate * min(1.0, (self.step + 1) / config.warmup_steps) * self._fall()
        for side in self._sides:
            if self.step % side.player.every == 0:
                self._move(side, batch, rate, log)
        self.step += 1
        _blend(self._average, self._net.state_dict(), min(config.ema, (self.step + 1) / (self.step + 10)))
        self.done = self._gone() >= 1
        log.step(self.step, len(batch), rate, self._left)

    def _move(self, side: Side, batch: Sized, rate: float, log: Log) -> None:
        self._net.zero_grad(set_to_none=True)
        with only(side, self._sides):
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self.mixed):
                parts = side.player.losses(self._net, batch)
            terms = sum(count for _, count in parts.values())
            loss = torch.stack([value.float() for value, _ in parts.values()]).sum() / max(terms, 1)
            side.move(loss, rate, self._config.clip)
        log.add(parts)

    def measure(self, held_out: Callable[[nn.Module], float], log: Log, run: TrainRun[Any] | None) -> None:
        """When it is due, measure the averaged weights; keep them when they are the best and early stop is on."""
        if not self._due(self._config.evaluate_steps):
            return
        with self.averaged():
            value = float(held_out(self._net))
        check_finite("the held-out loss", value, self.step)
        log.held_out(self.step, value)
        if value < self._best_value:
            self._best_value, self._worse = value, 0
            if self._config.patience:
                self._best = _copy(self._average)
        else:
            self._worse += 1
        self.done = self.done or 0 < self._config.patience <= self._worse
        if run is not None and run.report is not None:
            run.report(self.step, value)

    def show(self, sample: Callable[[nn.Module], bytes | npt.NDArray[Any]], log: Log, run: TrainRun[Any]) -> None:
        """When it is due, keep a sample picture of the averaged weights."""
        if self._due(self._config.sample_steps):
            with self.averaged(on_cpu=True):
                picture = sample(self._net)
            log.picture(self.step, run.keep_sample(self.step, picture))

    @contextmanager
    def averaged(self, *, on_cpu: bool = False) -> Iterator[None]:
        """The network with its averaged weights, to look at; afterwards everything is as it was."""
        last = _copy(self._net.state_dict())
        modes = [(module, module.training) for module in self._net.modules()]
        devices = [self._device] if self._device.type == "cuda" else []
        self._net.load_state_dict(self._average)
        try:
            self._net.eval()
            if on_cpu:
                self._net.to("cpu")
            with torch.random.fork_rng(devices), torch.no_grad():
                yield
        finally:
            self._net.to(self._device)
            self._net.load_state_dict(last)
            for module, mode in modes:
                module.training = mode

    def keep(self, checkpoint: Callable[[nn.Module, int], None] | None, state: Path | None, log: Log) -> None:
        """When it is time, hand out the averaged weights and write the whole state."""
        now = time.monotonic()
        if now - self._saved < self._config.checkpoint_minutes * 60:
            return
        self._saved = now
        log.means(self.step)
        if checkpoint is not None:
            with self.averaged(on_cpu=True):
                checkpoint(self._net, self.step)
        if state is not None:
            self.save(state)

    def leave(self) -> None:
        """Put the weights to keep into the network, on the CPU."""
        self._net.load_state_dict(self._best or self._average)
        for layer in self._layers():
            layer.quick = False
        self._net.zero_grad(set_to_none=True)
        self._net.to("cpu")

    def _layers(self) -> Iterator[Layer]:
        return (module for module in self._net.modules() if isinstance(module, Layer))

    def save(self, path: Path) -> None:
        """Write the whole state."""
        groups: dict[str, dict[str, Tensor]] = {"net": self._net.state_dict(), "average": self._average}
        groups |= {"best": self._best, "random": {"cpu": torch.get_rng_state()}}
        if self._device.type == "cuda":
            groups["random"]["cuda"] = torch.cuda.get_rng_state(self._device)
        for key, optimizer in self._optimizers():
            states = optimizer.state_dict()["state"]
            groups[key] = {f"{place}.{what}": value for place, own in states.items() for what, value in own.items()}
        arrays = {
            f"{group}/{name}": value.detach().cpu().numpy()
            for group, values in groups.items()
            for name, value in values.items()
        }
        facts = {
            "step": self.step,
            "done": self.done,
            "seconds": time.monotonic() - self._start,
            "best": self._best_value if math.isfinite(self._best_value) else None,
            "worse": self._worse,
        }
        save(path, arrays, facts)

    def restore(self, path: Path) -> None:
        """Go on from a saved state.

        Raises:
            ModelError: M021, it is not a state of this training.
        """
        arrays, facts = load(path)
        try:
            self._net.load_state_dict(_group(arrays, "net"))
            for name, value in _group(arrays, "average").items():
                self._average[name].copy_(value)
            self._best = {name: value.to(self._device) for name, value in _group(arrays, "best").items()}
            for key, optimizer in self._optimizers():
                optimizer.load_state_dict(
                    {"state": _by_place(_group(arrays, key)), "param_groups": optimizer.state_dict()["param_groups"]}
                )
            random = _group(arrays, "random")
            torch.set_rng_state(random["cpu"])
            if self._device.type == "cuda":
                torch.cuda.set_rng_state(random["cuda"], self._device)
            self.step, self.done, self._worse = int(facts["step"]), bool(facts["done"]), int(facts["worse"])
            self._best_value = math.inf if facts["best"] is None else float(facts["best"])
            self._start = time.monotonic() - float(facts["seconds"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise unusable(path, " ".join(str(error).split())[:200]) from error

    def _optimizers(self) -> Iterator[tuple[str, torch.optim.Optimizer]]:
        for number, side in enumerate(self._sides):
            for optimizer in side.optimizers:
                yield f"player{number}.{type(optimizer).__name__}", optimizer

    def _due(self, every: int) -> bool:
        return self.done or self.step % every == 0

    def _gone(self) -> float:
        """Share of the run that is done."""
        if self._config.steps:
            return self.step / self._config.steps
        return (time.monotonic() - self._start) / (self._config.minutes * 60)

    def _left(self, seconds_a_step: float) -> float:
        if self._config.steps:
            return (self._config.steps - self.step) * seconds_a_step
        return max(0.0, (1 - self._gone()) * self._config.minutes * 60)

    def _fall(self) -> float:
        """Share of the full rate by the schedule, without warm-up."""
        config, gone = self._config, self._gone()
        if config.schedule == "cosine":
            return max(_LOWEST, (1 + math.cos(math.pi * min(gone, 1.0))) / 2)
        if config.schedule == "constant" or not config.decay_share:
            return 1.0
        return min(1.0, max(_LOWEST, (1 - gone) / config.decay_share))


def _uses_bfloat16(net: nn.Module, precision: str, device: torch.device) -> bool:
    if precision == "float32" or any(isinstance(module, Rounded) and module.rounding for module in net.modules()):
        return False
    return precision == "bfloat16" or _has_bfloat16(device)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 itself; one that only emulates it is slower than with float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in older releases
    return any(found.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def _copy(values: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in values.items()}


def _blend(average: dict[str, Tensor], last: dict[str, Any], past: float) -> None:
    """Move the average towards the last weights; ``past`` is its own share."""
    with torch.no_grad():
        for name, value in last.items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value, 1 - past)
            else:
                average[name].copy_(value)


def _group(arrays: Tensors, group: str) -> dict[str, Tensor]:
    head = f"{group}/"
    return {name[len(head) :]: torch.from_numpy(value) for name, value in arrays.items() if name.startswith(head)}


def _by_place(flat: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """``3.exp_avg`` to the nested form that optimizers take."""
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        place, _, what = name.partition(".")
        nested.setdefault(int(place), {})[what] = value
    return nested
