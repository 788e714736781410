"""Canonical JSON and sha256: the only place that hashes.

Canonical JSON here is UTF-8, keys sorted by code point, no white space, no NaN or infinity, and floats in
Python's shortest round-trip form (the same on every platform). Equal values give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> bytes:
    """Serialize plain JSON data (dict, list, str, int, float, bool, None) to its canonical bytes.

    Raises:
        ValueError: NaN or infinity.
        TypeError: a value that is not plain JSON data.
    """
    return _ENCODER.encode(value).encode("utf-8")


def sha256(data: bytes) -> str:
    """Hex sha256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file's content, read in pieces of 1 MiB."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def digest(value: Any) -> str:
    """Hex sha256 of the canonical JSON of ``value``."""
    return sha256(canonical_json(value))
