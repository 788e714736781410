"""What is checked of a weights file before anything reads it: safetensors only, a sound frame, finite numbers.

Safetensors is a header of JSON (each tensor's dtype, shape and bytes) before the plain numbers, so a file can be
proven harmless without trust in whoever made it. A pickle cannot, and is never read. The checks take little time
and memory, whatever the file claims.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_content.errors import ModelError

MAX_WEIGHTS = 4 << 30
"""Bytes that a weights file may have."""

PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
"""Suffixes of files that can run code when they are opened."""

FETCH_AGAIN = "fetch the model again from a source you trust"

_MAX_HEADER = 1 << 20
_BYTES_A_BRACKET = 8  # at most so dense; a tensor's entry has 3 in 50 bytes or more
_MAX_SIDES = 8
_MAX_COUNT = 1 << 40
_CHUNK = 1 << 20
_ITEM_SIZES = {
    **dict.fromkeys(("BOOL", "I8", "U8"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}
_EXPONENTS = {"F16": 0x7C00, "BF16": 0x7F80, "F32": 0x7F800000, "F64": 0x7FF0000000000000}  # all set: not finite


@dataclass(frozen=True)
class Span:
    """One tensor in a safetensors file.

    Attributes:
        dtype: as the format names it, such as ``I8`` or ``F32``.
        shape: sides, outermost first.
        start, stop: its bytes, counted from the beginning of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def refuse(place: Path | str, reason: str) -> ModelError:
    """M002: the weights at ``place`` are never loaded."""
    return ModelError(
        "M002",
        f"is not a safetensors file that may be loaded: {reason}",
        where=str(place),
        allowed=f"safetensors only; pickles ({', '.join(PICKLES)}) are never read",
        remedy=FETCH_AGAIN,
    )


def check_safetensors(path: Path) -> dict[str, Span]:
    """Check a safetensors file's frame; return its tensors by name.

    Refuses what the format's specification forbids, and what no model needs: a header above 1 MiB or past the end
    of the file, names that occur twice, tensors that overlap, leave holes, or have other sizes than their dtype
    and shape say.

    Raises:
        ModelError: M001 the file cannot be read, M002 it may not be loaded.
    """
    try:
        size = path.stat().st_size
        if not 8 <= size <= MAX_WEIGHTS:
            raise refuse(path, f"{size} bytes long")
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(_MAX_HEADER, size - 8):
                raise refuse(path, f"its header claims {length} bytes")
            head = file.read(length)
    except OSError as error:
        raise ModelError("M001", f"cannot be read: {error.strerror}", where=str(path), remedy=FETCH_AGAIN) from None
    if head.count(b"[") + head.count(b"{") > len(head) // _BYTES_A_BRACKET + 4:  # each would become an object
        raise refuse(path, "its header is no table of tensors")
    try:
        text = head.decode("utf-8")
        header = json.loads(text, object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number)
        spans = {name: _span(name, item, 8 + length) for name, item in header.items() if name != "__metadata__"}
    except RecursionError:
        raise refuse(path, "its header is nested too deeply") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = (
            str(error) if type(error) is ValueError else "it is no JSON object of dtypes, shapes and data_offsets"
        )
        raise refuse(path, f"its header is broken: {reason}") from None
    end = 8 + length
    for span in sorted(spans.values(), key=lambda span: (span.start, span.stop)):
        if span.start != end:
            raise refuse(path, "its tensors overlap or leave holes")
        end = span.stop
    if end != size:
        raise refuse(path, f"its tensors end at byte {end}, the file at {size}")
    return spans


def check_finite(path: Path) -> dict[str, Span]:
    """Check a safetensors file's frame and refuse NaN and infinity, 1 MiB at a time; return its tensors by name.

    Raises:
        ModelError: M001, M002 as `check_safetensors`; M005 a float tensor is not finite.
    """
    import numpy as np

    spans = check_safetensors(path)
    with path.open("rb") as file:
        for name, span in spans.items():
            if span.dtype not in _EXPONENTS:
                continue
            exponent = _EXPONENTS[span.dtype]
            file.seek(span.start)
            for start in range(span.start, span.stop, _CHUNK):
                piece = file.read(min(_CHUNK, span.stop - start))
                bits = np.frombuffer(piece, dtype=f"<u{_ITEM_SIZES[span.dtype]}")
                if ((bits & exponent) == exponent).any():
                    found = f"tensor {name[:60]!r} holds NaN or infinity"
                    raise ModelError("M005", found, where=str(path), allowed="finite numbers", remedy=FETCH_AGAIN)
    return spans


def _span(name: str, item: dict[str, Any], base: int) -> Span:
    """One entry of the header, checked; ``base`` is where the data begin."""
    dtype, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
    shown = name[:60]
    if not isinstance(dtype, str) or dtype not in _ITEM_SIZES:
        raise ValueError(f"dtype {str(dtype)[:20]!r} of {shown!r} is not known")
    counts = [*shape, *offsets]
    if len(shape) > _MAX_SIDES or len(offsets) != 2 or not all(map(_is_count, counts)):
        raise ValueError(f"shape or offsets of {shown!r} are not whole numbers within 0 and {_MAX_COUNT}")
    start, stop = offsets
    if stop - start != math.prod(shape) * _ITEM_SIZES[dtype]:
        raise ValueError(f"{shown!r} has {stop - start} bytes, not those of {dtype} {shape}")
    return Span(dtype, tuple(shape), base + start, base + stop)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text[:20]} is no whole number")
