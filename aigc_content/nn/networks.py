"""Which networks a model folder holds: told from its configuration, without the plugin that uses them.

``config.json`` has the main network's configuration under ``network``, and any other's under a name of its own, each
with its ``format``. The main network's tensors have their own names, any other's begin with its name and a point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_content.nn import modelfile, program, unet
from aigc_content.nn.modelfile import Tensors
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.unet import UNet, UNetConfig

MAIN = "network"
FORMATS = (unet.FORMAT, program.FORMAT)


@dataclass(frozen=True, eq=False)
class Stored:
    """A network as a model folder has it.

    Attributes:
        plan: its configuration.
        tensors: its own, by the names that its configuration knows.
    """

    plan: UNetConfig | Program
    tensors: Tensors


def names(config: Mapping[str, Any]) -> list[str]:
    """The networks of this toolkit that a configuration describes, by name."""
    return [name for name, part in config.items() if isinstance(part, dict) and part.get("format") in FORMATS]


def read(config: Mapping[str, Any], tensors: Tensors, name: str = MAIN) -> Stored:
    """One network of a model's configuration and tensors, checked.

    Raises:
        ModelError: M003 its configuration is broken, M005 a tensor is missing, has another shape or type, or breaks
            a bound.
    """
    if name != MAIN:
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
    else:
        own = tensors
    if config[name]["format"] == unet.FORMAT:
        sizes = UNetConfig.from_json(config[name])
        UNet(sizes, own)
        return Stored(sizes, own)
    operations = Program.from_json(config[name])
    wanted = {key: own[key] for key in operations.tensors() if key in own}  # a model may have more beside its network
    Network(operations, wanted)
    return Stored(operations, wanted)


def check(folder: Path) -> None:
    """Check a model folder's tensors against its configuration, where it describes networks of this toolkit.

    Raises:
        ModelError: as `modelfile.load` and `read`.
    """
    config, tensors = modelfile.load(folder)
    with modelfile.loading(folder):
        for name in names(config):
            read(config, tensors, name)
