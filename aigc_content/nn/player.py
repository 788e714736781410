"""Who moves which weights: a network alone, or the players of a joint or adversarial training in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from aigc_content.nn.muon import Muon
from aigc_content.nn.quant import Table
from aigc_content.nn.trainlog import Parts

Batch = TypeVar("Batch", bound=Sized)


@dataclass(frozen=True, eq=False)
class Player(Generic[Batch]):
    """Who moves which weights to make which loss small: a GAN has two, each blind to the other's gradients.

    Attributes:
        module: part of the network whose parameters this player moves; no other player moves them.
        losses: gets the whole network and a batch; see `aigc_content.nn.train.fit`.
        every: moves at each step whose number is a multiple of it, from step 0.
        rate: factor on the learning rate.
        betas: Adam's; (0, 0.99) or (0.5, 0.9) are usual for a GAN.
        muon: whether matrices of weights are moved by `aigc_content.nn.muon.Muon`; Adam moves all else, and
            everything where this is False.
    """

    module: nn.Module
    losses: Callable[[nn.Module, Batch], Parts]
    every: int = 1
    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    muon: bool = True


class Side:
    """A player with its parameters and optimizers.

    Raises:
        ValueError: there is nothing to train, or ``every`` is below 1.
    """

    def __init__(self, player: Player[Any]) -> None:
        self.player = player
        named = [(name, value) for name, value in player.module.named_parameters() if value.requires_grad]
        self.parameters = [value for _, value in named]
        if not named or player.every < 1:
            raise ValueError("a player needs parameters to train, and `every` is at least 1")
        matrices = [value for name, value in named if player.muon and _is_matrix(player.module, name, value)]
        chosen = {id(value) for value in matrices}
        others = [value for value in self.parameters if id(value) not in chosen]
        self.optimizers: list[torch.optim.Optimizer] = []
        if matrices:
            self.optimizers.append(Muon(matrices, lr=0.0))  # the rate comes with each move
        if others:
            self.optimizers.append(torch.optim.Adam(others, lr=0.0, betas=player.betas))

    def move(self, loss: Tensor, rate: float, clip: float) -> None:
        """One update along the gradient of a loss.

        Args:
            loss: a scalar.
            rate: learning rate, without the player's own factor.
            clip: largest norm of the gradient.
        """
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * self.player.rate
            optimizer.step()


@contextmanager
def only(side: Side, sides: Sequence[Side]) -> Iterator[None]:
    """Gradients reach the parameters of one side, and go through those of the others."""
    frozen = [value for other in sides if other is not side for value in other.parameters]
    for value in frozen:
        value.requires_grad_(False)
    try:
        yield
    finally:
        for value in frozen:
            value.requires_grad_(True)


def _is_matrix(module: nn.Module, name: str, value: Tensor) -> bool:
    """Whether Muon may move a parameter: a matrix of weights, no table of tokens."""
    owner = module.get_submodule(name.rpartition(".")[0])
    return value.ndim == 2 and value.shape[1] > 1 and not isinstance(owner, Table | nn.Embedding)
