"""An unfinished training as one file: safetensors for the numbers, JSON in its header for the rest, no pickle.

One file, put in place whole, so that weights, optimizers, random numbers and the step's number always belong
together, whenever the machine stops. This module needs no torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from aigc_content.errors import ModelError

Tensors = dict[str, npt.NDArray[Any]]

SUFFIX = ".fit.safetensors"
"""How the names of such files end."""

_KEY = "fit"


def save(path: Path, tensors: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write a state in place of an older one, whole or not at all.

    Args:
        path: in a folder that is there.
        tensors: by name.
        facts: plain JSON data.
    """
    temporary = path.with_name(f".{path.name}")
    whole = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    save_file(whole, temporary, metadata={_KEY: json.dumps(facts, sort_keys=True)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and facts of a state.

    Raises:
        ModelError: M021, it cannot be read.
    """
    facts = load_facts(path)
    try:
        return load_file(path), facts
    except (SafetensorError, OSError, ValueError) as error:
        raise unusable(path, str(error)) from None


def load_facts(path: Path) -> dict[str, Any]:
    """The facts of a state alone: quick, however large it is.

    Raises:
        ModelError: M021, it cannot be read.
    """
    try:
        with safe_open(path, framework="np") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise unusable(path, str(error)) from None
    if not isinstance(facts, dict):
        raise unusable(path, "its facts are no JSON object")
    return facts


def unusable(path: Path, reason: str) -> ModelError:
    """M021: a training cannot go on from ``path``."""
    return ModelError(
        "M021",
        f"the state of an unfinished training cannot be used: {reason}",
        where=str(path),
        remedy="remove the folder that it lies in and train again",
    )
