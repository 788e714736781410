"""The training loop: what it learns, when it stops, whom it moves, and that going on changes no bit."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.errors import ModelError
from aigc_content.generator import TrainRun
from aigc_content.nn import trainstate
from aigc_content.nn.data import epochs, split
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.quant import Layer
from aigc_content.nn.train import Player, fit, tensors

Arrays = tuple[np.ndarray, np.ndarray]


class Points:
    """Samples of a plane: x (B, 4) and what is to be learned of them (B, 1)."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x.astype(np.float32)
        self.y = (x @ np.array([[1.0], [-2.0], [0.5], [0.0]]) + 0.3).astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)


def batches(start: int) -> Iterator[Points]:
    return (Points(np.random.default_rng([7, step]).normal(size=(16, 4))) for step in count(start))


def net() -> nn.Module:
    """Dropout, so that torch's random numbers matter, and batch norm, so that buffers do."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))


def losses(model: nn.Module, batch: Points) -> dict[str, tuple[Tensor, int]]:
    x, y = tensors(model, batch.x, batch.y)
    return {"square": ((model(x) - y).square().sum(), len(batch))}


def held_out(model: nn.Module) -> float:
    points = Points(np.random.default_rng(1).normal(size=(64, 4)))
    x, y = tensors(model, points.x, points.y)
    return float(F.mse_loss(model(x), y))


def measured(model: nn.Module) -> float:
    mode = model.training
    with torch.no_grad():
        value = held_out(model.eval())
    model.train(mode)
    return value


def config(**options: Any) -> FitConfig:
    return FitConfig(**{"steps": 40, "learning_rate": 0.01, "warmup_steps": 5, "ema": 0.9, "threads": 1} | options)


def train_run(folder: Path, **options: Any) -> TrainRun[FitConfig]:
    for name in ("out", "work"):
        (folder / name).mkdir(exist_ok=True, parents=True)
    return TrainRun(config(), folder, folder / "out", work=folder / "work", **options)


def weights(model: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def interrupting(at: int, action: Callable[[], None]) -> Callable[[nn.Module, Points], dict[str, tuple[Tensor, int]]]:
    """The losses, with something that happens while step ``at`` computes them."""
    calls = count(1)

    def result(model: nn.Module, batch: Points) -> dict[str, tuple[Tensor, int]]:
        if next(calls) == at:
            action()
        return losses(model, batch)

    return result


def control_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def fail() -> None:
    raise RuntimeError("power cut")


def quiet(line: str) -> None:
    pass


def test_it_learns_and_leaves_averaged_weights_in_the_modes_that_were() -> None:
    model = net()
    before = measured(model)
    lines: list[str] = []
    assert fit(model, batches, losses, config(steps=120), held_out=held_out, say=lines.append) == 120
    assert model.training
    assert measured(model) < before / 5
    assert lines[-1].startswith("step 120  held out 0.")


@pytest.mark.parametrize("schedule", ["decay", "cosine", "constant"])
def test_rate_warms_up_and_falls_by_the_schedule(schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.Adam.step

    def noted(self: torch.optim.Adam, closure: None = None) -> None:
        rates.append(self.param_groups[0]["lr"])
        step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    fit(net(), batches, losses, config(steps=100, schedule=schedule), say=quiet)
    shares = [rate / 0.01 for rate in rates]
    assert shares[0] == pytest.approx(0.2, abs=0.001)
    middle = {"decay": 1.0, "cosine": 0.5, "constant": 1.0}[schedule]
    assert shares[50] == pytest.approx(middle, abs=0.01)
    assert shares[99] == pytest.approx({"decay": 0.04, "cosine": 0.02, "constant": 1.0}[schedule], abs=0.001)


@pytest.mark.parametrize("at", [1, 17, 40])
def test_ctrl_c_finishes_the_step_and_going_on_gives_the_same_bits(at: int, tmp_path: Path) -> None:
    whole = net()
    fit(whole, batches, losses, config(), say=quiet)
    run, lines = train_run(tmp_path), []
    stopped = net()
    assert fit(stopped, batches, interrupting(at, control_c), config(), run=run, say=lines.append) == at
    assert lines[-1] == f"stopped at step {at}; what was learned so far is kept"
    assert trainstate.load_facts(tmp_path / "work" / "net.fit.safetensors")["done"] is (at == 40)
    torch.manual_seed(99)  # whatever happened meanwhile
    resumed = net()
    assert fit(resumed, batches, losses, config(), run=run, say=lines.append) == 40
    assert f"going on from step {at}" in lines
    assert weights(resumed) == weights(whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_networks_that_follow_an_interrupted_one_wait_for_their_turn(tmp_path: Path) -> None:
    def train(run: TrainRun[FitConfig] | None, at: int) -> tuple[int, int, dict[str, bytes]]:
        first, second = net(), nn.Linear(4, 1)
        steps = fit(first, batches, interrupting(at, control_c), config(), run=run, name="first", say=quiet)
        torch.manual_seed(steps)  # what the second learns depends on the first
        return steps, fit(second, batches, losses, config(), run=run, name="second", say=quiet), weights(second)

    run = train_run(tmp_path)
    assert train(run, at=10)[:2] == (10, 0)
    assert train(run, at=1000) == train(None, at=1000)


def test_going_on_from_a_checkpoint_gives_the_same_bits_and_the_same_early_stop(tmp_path: Path) -> None:
    options = {"steps": 400, "patience": 3, "evaluate_steps": 5, "learning_rate": 0.2, "schedule": "constant"}
    whole = net()
    steps = fit(whole, batches, losses, config(**options), held_out=held_out, say=quiet)
    assert steps < 400
    run = train_run(tmp_path)
    often = config(**options, checkpoint_minutes=1e-9)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(net(), batches, interrupting(steps - 3, fail), often, held_out=held_out, run=run, say=quiet)
    resumed = net()
    assert fit(resumed, batches, losses, often, held_out=held_out, run=run, say=quiet) == steps
    assert weights(resumed) == weights(whole)
    again = net()
    assert fit(again, batches, interrupting(1, fail), often, held_out=held_out, run=run, say=quiet) == steps
    assert weights(again) == weights(whole)


def test_what_callbacks_do_and_when_changes_no_bit(tmp_path: Path) -> None:
    seen: list[nn.Module] = []

    def look(model: nn.Module) -> None:
        assert not model.training
        assert not torch.is_grad_enabled()
        torch.rand(3)
        seen.append(model)

    def checkpoint(model: nn.Module, step: int) -> None:
        look(model)

    def sample(model: nn.Module) -> np.ndarray:
        look(model)
        return np.zeros((2, 2, 3), np.uint8)

    def measure(model: nn.Module) -> float:
        look(model)
        return held_out(model)

    whole = net()
    fit(whole, batches, losses, config(), say=quiet)
    watched = net()
    often = config(checkpoint_minutes=1e-9, evaluate_steps=1, sample_steps=3)
    run = train_run(tmp_path)
    fit(watched, batches, losses, often, checkpoint, held_out=measure, sample=sample, run=run, say=quiet)
    assert len(seen) == 40 + 40 + 14
    assert weights(watched) == weights(whole)


def test_early_stop_keeps_the_best_weights() -> None:
    values = iter([5.0, 3.0, 4.0, 3.0, 9.0])
    kept: list[dict[str, bytes]] = []

    def measure(model: nn.Module) -> float:
        kept.append(weights(model))
        return next(values)

    model = net()
    assert fit(model, batches, losses, config(patience=3, evaluate_steps=4), held_out=measure, say=quiet) == 20
    assert weights(model) == kept[1]
    with pytest.raises(ValueError, match="held_out"):
        fit(net(), batches, losses, config(patience=1), say=quiet)


class Pair(nn.Module):
    """A generator of points on a line and a critic of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maker = nn.Linear(4, 1)
        self.critic = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))


def critic_losses(pair: nn.Module, batch: Points) -> dict[str, tuple[Tensor, int]]:
    assert isinstance(pair, Pair)
    assert not pair.maker.weight.requires_grad
    x, y = tensors(pair, batch.x, batch.y)
    loss = F.softplus(-pair.critic(y)).sum() + F.softplus(pair.critic(pair.maker(x))).sum()
    return {"critic": (loss, 2 * len(batch))}


def maker_losses(pair: nn.Module, batch: Points) -> dict[str, tuple[Tensor, int]]:
    assert isinstance(pair, Pair)
    assert not any(value.requires_grad for value in pair.critic.parameters())
    (x,) = tensors(pair, batch.x)
    return {"maker": (F.softplus(-pair.critic(pair.maker(x))).sum(), len(batch))}


def players(pair: Pair, maker_every: int = 1) -> Sequence[Player[Points]]:
    return [
        Player(pair.critic, critic_losses, betas=(0.0, 0.99), muon=False),
        Player(pair.maker, maker_losses, every=maker_every, rate=0.5, betas=(0.0, 0.99), muon=False),
    ]


def test_players_move_their_own_weights_in_turn_and_go_on_bit_for_bit(tmp_path: Path) -> None:
    once, twice = Pair(), Pair()
    for pair, steps in ((once, 1), (twice, 2)):
        options = config(steps=steps, ema=0.0, schedule="constant")
        fit(pair, batches, players(pair, maker_every=2), options, say=quiet)
    start, one, two = weights(Pair()), weights(once), weights(twice)
    assert all(one[name] != start[name] for name in one)
    assert {name.split(".")[0] for name in two if two[name] != one[name]} == {"critic"}

    whole, run = Pair(), train_run(tmp_path)
    fit(whole, batches, players(whole, 3), config(steps=20), say=quiet)
    killed = Pair()
    sides = players(killed, 3)
    sides = [Player(killed.critic, stopping(critic_losses, 11), betas=(0.0, 0.99), muon=False), sides[1]]
    assert fit(killed, batches, sides, config(steps=20), run=run, say=quiet) == 11
    resumed = Pair()
    fit(resumed, batches, players(resumed, 3), config(steps=20), run=run, say=quiet)
    assert weights(resumed) == weights(whole)


def stopping(of: Callable[..., Any], at: int) -> Callable[..., Any]:
    calls = count(1)

    def result(pair: nn.Module, batch: Points) -> Any:
        if next(calls) == at:
            control_c()
        return of(pair, batch)

    return result


def test_players_learn_a_distribution() -> None:
    pair = Pair()
    fit(pair, batches, players(pair), config(steps=300, ema=0.98, clip=10.0), say=quiet)
    x, y = (
        torch.from_numpy(part) for part in (Points(np.random.default_rng(0).normal(size=(4000, 4))).__dict__.values())
    )
    made = pair.maker(x).detach()
    assert abs(float(made.mean()) - float(y.mean())) < 0.4
    assert 0.6 < float(made.std()) / float(y.std()) < 1.4


def test_loss_that_is_no_number_ends_training_and_saves_nothing(tmp_path: Path) -> None:
    calls = count(1)

    def broken(model: nn.Module, batch: Points) -> dict[str, tuple[Tensor, int]]:
        value, terms = losses(model, batch)["square"]
        return {"square": (value * (float("nan") if next(calls) > 5 else 1.0), terms)}

    with pytest.raises(ModelError) as caught:
        fit(net(), batches, broken, config(), run=train_run(tmp_path), say=quiet)
    assert caught.value.code == "M020"
    assert list((tmp_path / "work").iterdir()) == []


def test_what_a_report_raises_ends_the_training_at_once(tmp_path: Path) -> None:
    class GivenUp(BaseException):
        pass

    def report(step: int, loss: float) -> None:
        if step == 20:
            raise GivenUp

    steps: list[int] = []
    options = config(evaluate_steps=10, checkpoint_minutes=1e-9)
    with pytest.raises(GivenUp):
        fit(
            net(), batches, losses, options, lambda model, step: steps.append(step),
            held_out=held_out, run=train_run(tmp_path, report=report), say=quiet,
        )  # fmt: skip
    assert steps == list(range(1, 20))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_state_of_another_network_is_refused(tmp_path: Path) -> None:
    run = train_run(tmp_path)
    fit(net(), batches, losses, config(steps=2), run=run, say=quiet)
    with pytest.raises(ModelError, match="M021"):
        fit(nn.Linear(4, 1), batches, losses, config(steps=2), run=run, say=quiet)
    (tmp_path / "work" / "net.fit.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ModelError, match="M021"):
        fit(net(), batches, losses, config(steps=2), run=run, say=quiet)


def test_whole_numbers_stay_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[torch.dtype] = []

    def look(model: nn.Module, batch: Points) -> dict[str, tuple[Tensor, int]]:
        (x,) = tensors(model, batch.x)
        made = model(x[:, :, None, None]) if isinstance(model[0], Layer) else model(x)
        first = made[0] if isinstance(made, tuple) else made
        kinds.append(first.dtype)
        return {"square": (first.float().square().sum(), len(batch))}

    whole, plain = nn.Sequential(Layer(4, 2)), nn.Sequential(nn.Linear(4, 2))
    lines: list[str] = []
    fit(whole, batches, look, config(steps=1, precision="bfloat16"), say=lines.append)
    fit(plain, batches, look, config(steps=1, precision="bfloat16"), say=quiet)
    fit(plain, batches, look, config(steps=1, precision="float32"), say=quiet)
    assert kinds == [torch.float32, torch.bfloat16, torch.float32]
    assert lines == ["the network computes on whole numbers: its forward pass stays in float32"]
    for found, kind in (({"amx_bf16": True}, torch.bfloat16), ({"avx512_f": True}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        fit(plain, batches, look, config(steps=1), say=quiet)
        assert kinds[-1] == kind


def test_minutes_count_the_time_of_interrupted_parts(tmp_path: Path) -> None:
    run = train_run(tmp_path)
    options = config(steps=0, minutes=0.5 / 60)
    first = fit(net(), batches, interrupting(20, control_c), options, run=run, say=quiet)
    assert first == 20
    state = tmp_path / "work" / "net.fit.safetensors"
    arrays, facts = trainstate.load(state)
    trainstate.save(state, arrays, facts | {"seconds": 30.0})
    assert fit(net(), batches, losses, options, run=run, say=quiet) == 21


def test_samples_measurements_and_curves_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reported: list[tuple[int, float]] = []
    run = train_run(tmp_path, tensorboard=tmp_path / "board", report=lambda *pair: reported.append(pair))
    picture = np.full((4, 6, 3), 200, np.uint8)
    fit(
        net(), batches, losses, config(sample_steps=16, evaluate_steps=10),
        held_out=held_out, sample=lambda model: picture, run=run, say=quiet,
    )  # fmt: skip
    assert [step for step, _ in reported] == [10, 20, 30, 40]
    names = sorted(path.name for path in (tmp_path / "out" / "samples").iterdir())
    assert names == ["step-000016.png", "step-000032.png", "step-000040.png"]
    assert (tmp_path / "out" / "samples" / names[0]).read_bytes().startswith(b"\x89PNG")
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    assert [event.step for event in board.Scalars("loss/square")] == [10, 20, 30, 40]
    assert [event.value for event in board.Scalars("held_out")] == pytest.approx([value for _, value in reported])
    assert [event.step for event in board.Images("sample")] == [16, 32, 40]


def test_progress_line_tells_loss_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from aigc_content.nn import trainlog

    monkeypatch.setattr(trainlog, "_FIRST", 0.0)
    lines: list[str] = []
    fit(net(), batches, losses, config(), say=lines.append)
    assert lines[0].startswith("step 1  square ")
    assert " samples/s  " in lines[0]
    assert lines[0].endswith(" left")


def test_progress_on_a_terminal_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aigc_content.nn import trainlog

    monkeypatch.setattr(trainlog, "_LIVE", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fit(net(), batches, losses, config(steps=5))
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.count("\r") == 5


def test_split_keeps_each_name_on_its_side() -> None:
    names = [f"area{number}" for number in range(1000)]
    learned, held = split(names)
    assert 60 < len(held) < 140
    assert sorted([*learned, *held]) == list(range(1000))
    again = split(names[::2])[1]
    assert {names[::2][place] for place in again} <= {names[place] for place in held}


def test_epochs_show_each_item_once_and_start_anywhere() -> None:
    def make(items: list[int], rng: np.random.Generator) -> tuple[list[int], float]:
        return items, float(rng.random())

    start = epochs(list(range(10)), 3, seed=5, make=make)
    source = start(0)
    first = [next(source) for _ in range(9)]
    for epoch in range(3):
        seen = [item for items, _ in first[3 * epoch : 3 * epoch + 3] for item in items]
        assert len(set(seen)) == 9
    assert len({tuple(items) for items, _ in first}) == 9
    assert len({draw for _, draw in first}) == 9
    later = start(4)
    assert [next(later) for _ in range(5)] == first[4:]
    few = epochs([1, 2], 8, seed=0, make=make)
    assert sorted(next(few(3))[0]) == [1, 2]
    with pytest.raises(ValueError, match="no batches"):
        epochs([], 3, seed=0, make=make)
