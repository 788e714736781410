"""Write and read a model folder's weights and configuration, by NumPy alone; refuses what it does not expect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from aigc_content.errors import ModelError
from aigc_content.models import CONFIG, WEIGHTS, check_safetensors, read_config

Tensors = dict[str, npt.NDArray[Any]]


def save(folder: Path, config: dict[str, Any], tensors: Tensors) -> None:
    """Write ``model.safetensors`` and ``config.json`` into an existing folder."""
    (folder / WEIGHTS).write_bytes(to_bytes({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}))
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / CONFIG).write_text(text + "\n", "utf-8")


def load(folder: Path) -> tuple[dict[str, Any], Tensors]:
    """Configuration and tensors of a model folder.

    Raises:
        ModelError: M002 the weights file is not sound safetensors, M003 the configuration is broken.
    """
    check_safetensors(folder / WEIGHTS)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (SafetensorError, ValueError, OSError) as error:
        raise ModelError("M002", f"cannot be read: {error}", where=str(folder / WEIGHTS)) from None
    return read_config(folder), tensors
