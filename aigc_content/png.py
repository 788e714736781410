"""A PNG encoder that writes the same bytes on every machine.

The zlib behind Python and Pillow differs from build to build (zlib, zlib-ng, a system's own), and with it
every compressed byte. Here the compressor is the PyPI package ``deflate``, which bundles libdeflate (both
MIT): one version of libdeflate gives one result for one input whatever the processor, so its version is
pinned in ``pyproject.toml`` and the digests in ``tests/test_png.py`` fail when it moves. The chunks are
written by hand: ``IHDR``, ``PLTE``, ``tRNS``, the texts in sorted order, one ``IDAT``, ``IEND``; no time, no
software name.

Reference: PNG specification, third edition (W3C, 2025).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import deflate
import numpy as np
import numpy.typing as npt

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 6  # libdeflate's: 2 ms for 512 x 384 indices; level 9 takes 9 ms for a file a tenth smaller
_MAX_SIDE = 2**31 - 1
_MAX_COLORS = 256
_KEYWORD = re.compile(r"[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff]{0,77}[\x21-\x7e\xa1-\xff])?")

Pixels = npt.NDArray[np.uint8]


def encode_png(
    pixels: Pixels,
    palette: Pixels | None = None,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """Encode a picture as a PNG file.

    An indexed picture gets the smallest bit depth (1, 2, 4, 8) that holds all colors of its palette, and
    filter 0; a true-color one, made for pixel art as it is, gets filter Up for rows that repeat and no filter
    for the others.

    Args:
        pixels: uint8, ``(H, W)`` palette indices, or ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA without a
            palette.
        palette: uint8, ``(N, 3)`` RGB or ``(N, 4)`` RGBA with 1 to 256 colors; only, and always, for ``(H,
            W)``.
        text: entries by keyword (1 to 79 Latin-1 characters, no space at its ends nor two in a row). A value
            of Latin-1 characters becomes ``tEXt``, any other ``iTXt``. Line breaks are ``\\n``.

    Returns:
        The bytes of the file; equal arguments give equal bytes on every machine.

    Raises:
        ValueError: a wrong dtype, shape, palette or keyword, or an index beyond the palette; the message
        names it.
    """
    _check_array("pixels", pixels)
    if pixels.ndim == 2:
        if palette is None:
            raise ValueError("pixels of shape (H, W) are palette indices and need a palette")
        depth, color_type, colors = _palette_chunks(pixels, palette)
        rows = _packed(pixels, depth)
        rows = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1)  # filter byte 0
    elif pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        if palette is not None:
            raise ValueError(f"a palette goes with pixels of shape (H, W), not with {pixels.shape}")
        depth, color_type, colors = 8, 2 if pixels.shape[2] == 3 else 6, b""
        rows = _filtered(pixels.reshape(len(pixels), -1))
    else:
        raise ValueError(f"pixels must be (H, W), (H, W, 3) or (H, W, 4), not {pixels.shape}")
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    data = bytes(deflate.zlib_compress(rows.tobytes(), _LEVEL))
    texts = b"".join(_text_chunk(key, text[key]) for key in sorted(text)) if text else b""
    chunks = (_chunk(b"IHDR", header), colors, texts, _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return _SIGNATURE + b"".join(chunks)


def _check_array(name: str, array: Pixels) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be a numpy array of uint8, not {found}")
    if 0 in array.shape:
        raise ValueError(f"{name} must not be empty, its shape is {array.shape}")
    if max(array.shape) > _MAX_SIDE:
        raise ValueError(f"{name} of shape {array.shape}: a PNG side is at most {_MAX_SIDE}")


def _palette_chunks(pixels: Pixels, palette: Pixels) -> tuple[int, int, bytes]:
    """Bit depth, color type and the chunks PLTE and (if a color is not opaque) tRNS."""
    _check_array("palette", palette)
    if palette.ndim != 2 or palette.shape[1] not in (3, 4):
        raise ValueError(f"palette must be (N, 3) or (N, 4), not {palette.shape}")
    count = len(palette)
    if count > _MAX_COLORS:
        raise ValueError(f"a palette holds at most {_MAX_COLORS} colors, this one has {count}")
    highest = int(pixels.max())
    if highest >= count:
        y, x = np.unravel_index(int(pixels.argmax()), pixels.shape)
        raise ValueError(f"pixel ({x}, {y}) has index {highest}, but the palette has {count} colors")
    chunks = _chunk(b"PLTE", palette[:, :3].tobytes())
    if palette.shape[1] == 4:
        clear = np.flatnonzero(palette[:, 3] != 255)
        if len(clear):
            chunks += _chunk(b"tRNS", palette[: clear[-1] + 1, 3].tobytes())
    depth = 1 if count <= 2 else 2 if count <= 4 else 4 if count <= 16 else 8
    return depth, 3, chunks


def _packed(indices: Pixels, depth: int) -> Pixels:
    """(H, W) indices to (H, ceil(W * depth / 8)) bytes, leftmost pixel in the high bits."""
    if depth == 8:
        return indices
    per_byte = 8 // depth
    height, width = indices.shape
    padded = np.zeros((height, -(-width // per_byte) * per_byte), np.uint8)
    padded[:, :width] = indices
    groups = padded.reshape(height, -1, per_byte)
    packed = np.zeros(groups.shape[:2], np.uint8)
    for place in range(per_byte):
        packed |= groups[:, :, place] << np.uint8(8 - depth * (place + 1))
    return packed


def _filtered(rows: Pixels) -> Pixels:
    """(H, bytes) to (H, 1 + bytes): filter Up, which leaves zeros, for a row like the one above, else None.

    The usual heuristic (least sum of differences) makes pictures of tiles a third larger and takes most of the
    time: their bytes repeat, and any other filter hides the repetition from the compressor.
    """
    again = np.zeros(len(rows), np.bool_)
    again[1:] = (rows[1:] == rows[:-1]).all(axis=1)
    return np.concatenate(
        [np.where(again, 2, 0).astype(np.uint8)[:, None], np.where(again[:, None], 0, rows)], axis=1
    )


def _text_chunk(keyword: str, value: str) -> bytes:
    if not _KEYWORD.fullmatch(keyword) or "  " in keyword:
        raise ValueError(
            f"PNG keyword {keyword!r}: allowed are 1 to 79 printable Latin-1 characters, with single spaces inside"
        )
    if "\0" in value:
        raise ValueError(f"the text under {keyword!r} holds a null character")
    try:
        return _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        head = keyword.encode("latin-1") + b"\0\0\0\0\0"  # not compressed, no language, no translated keyword
        return _chunk(b"iTXt", head + value.encode("utf-8"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", deflate.crc32(kind + data))))
