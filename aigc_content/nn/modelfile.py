"""Write and read a model folder's weights and configuration, by NumPy alone; refuses what it does not expect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from aigc_content.errors import ModelError
from aigc_content.models import CONFIG, WEIGHTS, check_digests, read_config
from aigc_content.weights import FETCH_AGAIN, check_finite

Tensors = dict[str, npt.NDArray[Any]]


def save(folder: Path, config: dict[str, Any], tensors: Tensors) -> None:
    """Write ``model.safetensors`` and ``config.json`` into an existing folder."""
    (folder / WEIGHTS).write_bytes(to_bytes({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}))
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / CONFIG).write_text(text + "\n", "utf-8")


def load(folder: Path) -> tuple[dict[str, Any], Tensors]:
    """Configuration and tensors of a model folder.

    Raises:
        ModelError: M001 a file cannot be read, M002 the weights file is not sound safetensors, M003 the
            configuration is broken, M005 a tensor is not finite or of a type that NumPy lacks, M006 a file is not
            the one that digests.json lists.
    """
    config = read_config(folder)
    path = folder / WEIGHTS
    check_digests(folder)
    lacking = [name for name, span in check_finite(path).items() if span.dtype == "BF16"]
    if lacking:
        found = f"tensor {lacking[0]!r} is bfloat16, which NumPy lacks"
        allowed = "whole numbers, float16, float32 and float64"
        raise ModelError("M005", found, where=str(path), allowed=allowed, remedy="convert it, or train it again")
    try:
        return config, load_file(path)
    except (SafetensorError, ValueError, OSError) as error:
        raise ModelError("M002", f"cannot be read: {error}", where=str(path), remedy=FETCH_AGAIN) from None


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Name the folder in every ModelError without a place, such as a network's constructor raises.

    A network knows its configuration and tensors, not where they came from; wrap its construction in this.
    """
    try:
        yield
    except ModelError as error:
        if error.where:
            raise
        remedy = error.remedy or FETCH_AGAIN
        where = str(folder)
        raise ModelError(error.code, error.found, where=where, allowed=error.allowed, remedy=remedy) from None
