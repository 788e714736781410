"""The functions of `aigc_content.nn.kernels` in compiled form: the same names, the same bits, several times faster.

On x86 processors with AVX2 or better, products run in vector code (`aigc_content.nn.fast_x86`) that numba compiles
once and caches. At the first use a self-test compares it with the plain kernels; if it fails, or the processor or
numba lacks something, the plain kernels run instead, which changes nothing but the speed.

The environment variable ``AIGC_KERNELS`` forces a choice: ``plain``, ``avx2``, ``avxvnni``, ``avx512``, ``vnni``, or
``auto`` (the default).
"""

from __future__ import annotations

import functools
import os
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from aigc_content.nn import kernels as plain
from aigc_content.nn.kernels import (
    MAX_ACTIVATION,
    Float32,
    Int8,
    Int32,
    Packed,
    accumulate,
    conv,
    im2col,
    matmul,
    pack,
    pool_mean,
    requantize,
    space_to_depth,
)

if TYPE_CHECKING:
    from aigc_content.nn.fast_loops import Loops

__all__ = [
    "Packed",
    "accumulate",
    "active",
    "add_vector",
    "conv",
    "conv_accumulate",
    "conv_requant",
    "conv_sums",
    "im2col",
    "matmul",
    "pack",
    "pool_mean",
    "quantize",
    "requantize",
    "space_to_depth",
    "upsample_add",
]

VARIABLE = "AIGC_KERNELS"
TILE = 16
SUMS, REQUANT, ACCUMULATE = 0, 1, 2
WINOGRAD, TAPS = "winograd", "taps"
_LIMIT = 48  # Winograd tiles at a time, a multiple of `Isa.rows`; for each lot all weights of a layer are read
_Bytes = npt.NDArray[np.uint8]
_T = TypeVar("_T", bound=np.generic)
_local = threading.local()


def active() -> str:
    """The name of the kernels that run: an instruction set, or ``plain``."""
    loops = _loops()
    return "plain" if loops is None else loops.isa.name


def conv_sums(x: Int8, packed: Packed, size: int = 1, dilation: int = 1) -> Int32:
    """Same-size convolution with zero padding: (B, H, W, C) to sums (B, H, W, N)."""
    loops = _loops()
    if loops is None:
        return plain.conv_sums(x, packed, size, dilation)
    out = np.empty((*x.shape[:3], len(packed.bias)), dtype=np.int32)
    _convolve(loops, SUMS, x, packed, size, dilation, out)
    return out


def conv_requant(
    x: Int8, packed: Packed, size: int, dilation: int, multiplier: Float32, floor: int = -MAX_ACTIVATION
) -> Int8:
    """Convolution, then `requantize`: (B, H, W, C) to activations (B, H, W, N)."""
    loops = _loops()
    if loops is None:
        return plain.conv_requant(x, packed, size, dilation, multiplier, floor)
    out = np.empty((*x.shape[:3], len(packed.bias)), dtype=np.int8)
    _convolve(loops, REQUANT, x, packed, size, dilation, out, multiplier, floor)
    return out


def conv_accumulate(residual: Int32, x: Int8, packed: Packed, size: int, dilation: int, multiplier: Float32) -> None:
    """Convolution, then `accumulate` into the residual stream (B, H, W, N) in place."""
    loops = _loops()
    if loops is None or not _whole(residual):
        plain.conv_accumulate(residual, x, packed, size, dilation, multiplier)
    else:
        _convolve(loops, ACCUMULATE, x, packed, size, dilation, residual, multiplier)


def quantize(residual: Int32, multiplier: Float32, floor: int = -MAX_ACTIVATION) -> Int8:
    """The residual stream to activations: (..., C) times (C,), as `requantize` does; values below 2**24."""
    loops = _loops()
    if loops is None or residual.dtype != np.int32 or residual.size == 0 or residual.ndim == 0:
        return plain.quantize(residual, multiplier, floor)
    residual = _lying(residual)
    channels = residual.shape[-1]
    out = np.empty(residual.shape, dtype=np.int8)
    scale = _scale(multiplier, channels, channels)
    loops.quantize(residual.reshape(-1, channels), scale, np.float32(floor), out.reshape(-1, channels))
    return out


def upsample_add(residual: Int32, coarse: Int32) -> None:
    """Add a picture of half the size to each 2x2 block, in place: (B, H, W, C) and (B, H/2, W/2, C)."""
    loops = _loops()
    if loops is None or not _whole(residual):
        plain.upsample_add(residual, coarse)
        return
    batch, height, width, channels = residual.shape
    if (
        height % 2
        or width % 2
        or coarse.dtype != np.int32
        or coarse.shape != (batch, height // 2, width // 2, channels)
    ):
        raise ValueError(f"a picture {coarse.dtype} {coarse.shape} cannot be added to one of {residual.shape}")
    loops.upsample_add(residual, _lying(coarse))


def add_vector(residual: Int32, vector: Int32) -> None:
    """Add one vector a picture to all its cells, in place: (B, H, W, C) and (B, C)."""
    loops = _loops()
    if loops is None or not _whole(residual):
        plain.add_vector(residual, vector)
        return
    batch, height, width, channels = residual.shape
    if vector.dtype != np.int32 or vector.shape != (batch, channels):
        raise ValueError(f"vectors {vector.dtype} {vector.shape} cannot be added to {residual.shape}")
    loops.add_vector(residual.reshape(batch, height * width, channels), _lying(vector))


def _whole(values: Int32) -> bool:
    return values.dtype == np.int32 and values.size > 0 and values.flags.carray


def _lying(values: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """An array whole in memory: itself, where it is."""
    flags = values.flags
    return values if flags.c_contiguous and flags.aligned else np.require(values, requirements=["C", "A"])


def _scale(multiplier: Float32, n: int, length: int) -> Float32:
    if multiplier.dtype != np.float32 or multiplier.shape != (n,):
        raise ValueError(f"multipliers {multiplier.dtype} {multiplier.shape} for {n} channels")
    if n == length:
        return _lying(multiplier)
    result = np.zeros(length, dtype=np.float32)
    result[:n] = multiplier
    return result


def _convolve(
    loops: Loops,
    mode: int,
    x: Int8,
    packed: Packed,
    size: int,
    dilation: int,
    out: npt.NDArray[Any],
    multiplier: Float32 | None = None,
    floor: int = 0,
    way: str | None = None,
) -> None:
    """Run one convolution into ``out``; ``way`` forces one of the two ways for size 3."""
    n, terms = packed.w.shape
    if x.dtype != np.int8 or x.ndim != 4 or size not in (1, 3) or dilation < 1 or x.shape[3] * size * size != terms:
        raise ValueError(f"{x.dtype} {x.shape} does not fit weights {packed.w.shape} of size {size}, step {dilation}")
    batch, height, width, channels = x.shape
    if out.shape != (batch, height, width, n):
        raise ValueError(f"{out.shape} does not fit a result of {(batch, height, width, n)}")
    if not out.size:
        return
    x = np.ascontiguousarray(x)
    dilation = min(dilation, max(height, width))
    length = -(-n // TILE) * TILE
    bias, _ = _form(packed, "bias", 0, loops)
    scale = _scale(multiplier, n, length) if multiplier is not None else np.empty(0, dtype=np.float32)
    address = loops.address
    goal = (address(out), bias, address(scale), n, mode, floor)
    pixels, octets = loops.isa.pixels, -(-channels // 8)
    if size == 1:
        w, form = _form(packed, TAPS, 1, loops)
        block = max(pixels, min(512, 2048 // octets) // pixels * pixels)
        memory, table_at, table = _memory((block + pixels) * octets * 8)
        shape = (batch * height * width, channels, block, len(form) * TILE // length)
        loops.rows((address(x), w, memory, table_at), goal, table, shape)
    elif way == TAPS or (way is None and not _prefers_winograd(height, width, channels, dilation, pixels)):
        w, form = _form(packed, TAPS, 9, loops)
        memory, table_at, table = _memory((width + pixels + 2 * dilation) * (height + 2 * dilation) * octets * 8)
        tap_bytes = len(form) * TILE // length // 9
        sizes = (batch, height, width, channels, dilation, tap_bytes)
        loops.taps((address(x), w, memory, table_at), goal, table, sizes)
    else:
        w, _ = _form(packed, WINOGRAD, 9, loops)
        if channels % TILE:
            x = np.pad(x, ((0, 0), (0, 0), (0, 0), (0, -channels % TILE)))
            channels = x.shape[3]
        memory, table_at, table = _memory(channels + 36 * (_LIMIT * (TILE * 4 + channels * 2) + 128))
        starts = (*_starts(height, dilation), *_starts(width, dilation))
        sizes = (batch, height, width, channels, dilation, _LIMIT)
        loops.winograd((address(x), w, memory, table_at), goal, table, starts, sizes)


def _aligned(size: int) -> _Bytes:
    """Bytes that start at a line of the cache."""
    raw = np.empty(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def _memory(size: int) -> tuple[int, int, npt.NDArray[np.int64]]:
    """This thread's working memory: the address of ``size`` bytes and more, and a table with its address."""
    held: tuple[_Bytes, int, int, npt.NDArray[np.int64]] | None = getattr(_local, "memory", None)
    if held is None or len(held[0]) < size + 8192:
        room, table = _aligned(size + 8192), np.empty(36 + 3 * _LIMIT, dtype=np.int64)
        held = _local.memory = (room, room.ctypes.data, table.ctypes.data, table)
    return held[1:]


def _form(packed: Packed, kind: str, taps: int, loops: Loops) -> tuple[int, _Bytes]:
    """The weights as the vector code reads them, made at the first use, and their address."""
    key = (kind, taps, loops.isa.dot)
    form: tuple[int, _Bytes] | None = packed.forms.get(key)
    if form is None:
        if kind == WINOGRAD:
            values: npt.NDArray[Any] = _winograd_form(packed.w)
        elif kind == TAPS:
            values = _tap_form(packed.w, taps, loops.isa.dot)
        else:
            values = np.pad(packed.bias, (0, -len(packed.bias) % TILE))
        held = _aligned(values.nbytes)
        held[:] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        form = packed.forms[key] = (held.ctypes.data, held)
    return form


def _padded(w: Int8, taps: int, step: int) -> Int32:
    """Weights (N, taps * C) as (N', taps, C'): N' a multiple of 16, C' of ``step``."""
    n, channels = len(w), w.shape[1] // taps
    result = np.zeros((-(-n // TILE) * TILE, taps, -(-channels // step) * step), dtype=np.int32)
    result[:n, :, :channels] = w.reshape(n, taps, channels)
    return result


def _tap_form(w: Int8, taps: int, dot: bool) -> npt.NDArray[Any]:
    """Weights for products of bytes; see `fast_x86.product_bytes`."""
    wide = _padded(w, taps, 8)
    octets = wide.shape[2] // 8
    split = wide.reshape(-1, TILE, taps, octets, 2, 2, 2)  # block, column, tap, octet, step, pair, byte
    steps = split.transpose(0, 2, 3, 4, 1, 5, 6).astype(np.int8)
    if dot:
        sums = split.sum(axis=(3, 4, 5, 6)).transpose(0, 2, 1)  # block, tap, column
        fixes: npt.NDArray[Any] = (-128 * sums).astype(np.int32)
    else:
        sums = split.sum(axis=(4, 6)).transpose(0, 2, 3, 1, 4)  # block, tap, octet, column, pair
        fixes = (-128 * sums).astype(np.int16)
    shape = steps.shape[:2] if dot else steps.shape[:3]
    parts = [np.ascontiguousarray(part).view(np.uint8).reshape(*shape, -1) for part in (fixes, steps)]
    return np.concatenate(parts, axis=-1)


_FACTORS = np.array(
    [[6, 0, 0], [4, 4, 4], [4, -4, 4], [1, 2, 4], [1, -2, 4], [0, 0, 12]], dtype=np.int32
)  # 3 weights to 6; with the factors in fast_x86 this makes 24 times a convolution


def _winograd_form(w: Int8) -> npt.NDArray[Any]:
    """Weights for products of words: block, 36 places, pair of channels, 16 columns, 2 channels."""
    wide = _padded(w, 9, TILE)
    cube = wide.reshape(len(wide), 3, 3, -1)
    moved = np.einsum("iy,jx,nyxc->ijnc", _FACTORS, _FACTORS, cube)
    split: npt.NDArray[Any] = moved.reshape(36, -1, TILE, wide.shape[2] // 2, 2).transpose(1, 0, 3, 2, 4)
    return split.astype(np.int16)


@functools.lru_cache(maxsize=256)
def _starts(size: int, dilation: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where tiles of 4 and of 3 outputs, ``dilation`` apart, start in a side of ``size``.

    Two tiles of 3 need fewer products than one of 4 and one of 2.
    """
    starts: dict[int, list[int]] = {4: [], 3: []}
    for phase in range(min(dilation, size)):
        outputs = -(-(size - phase) // dilation)
        tiles = -(-outputs // 4)
        fours = max(0, outputs - 3 * tiles)
        starts[4] += [phase + 4 * dilation * t for t in range(fours)]
        starts[3] += [phase + dilation * (4 * fours + 3 * t) for t in range(tiles - fours)]
    return np.array(starts[4], dtype=np.int64), np.array(starts[3], dtype=np.int64)


@functools.lru_cache(maxsize=256)
def _prefers_winograd(height: int, width: int, channels: int, dilation: int, pixels: int) -> bool:
    """Compare the products that both ways need for a picture; one of 16 bits costs 1.6 times as much."""
    places = [len(fours) * 6 + len(threes) * 5 for fours, threes in (_starts(s, dilation) for s in (height, width))]
    steps = (-dilation, 0, dilation)
    across = sum(-pixels < x + step < width for x in range(0, width, pixels) for step in steps)
    down = sum(0 <= y + step < height for y in range(height) for step in steps)
    return places[0] * places[1] * 1.6 * -(-channels // TILE) * 2 < across * pixels * down * -(-channels // 8)


@functools.cache
def _loops() -> Loops | None:
    """The compiled loops that this process uses; none for the plain kernels."""
    wanted = os.environ.get(VARIABLE, "auto").strip().lower() or "auto"
    if wanted == "plain":
        return None
    try:
        from aigc_content.nn import fast_loops
    except ImportError:
        return None
    names = fast_loops.supported()
    if wanted != "auto" and wanted not in names:
        warnings.warn(f"{VARIABLE}={wanted} cannot run here; plain kernels run instead", RuntimeWarning, stacklevel=2)
        return None
    return _first_that_works(names if wanted == "auto" else [wanted], fast_loops.build)


def _first_that_works(names: list[str], build: Callable[[str], Loops]) -> Loops | None:
    for name in names:
        try:
            loops = build(name)
            if agrees(loops):
                return loops
            fault = "its results differ from the plain ones"
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        warnings.warn(f"kernels {name!r} are not used: {fault}", RuntimeWarning, stacklevel=3)
    return None


def agrees(loops: Loops) -> bool:
    """Compare compiled loops with the plain kernels on extreme and on mixed values."""
    rng = np.random.default_rng(1)
    for size, channels, n, way in ((3, 16, 16, WINOGRAD), (3, 20, 18, TAPS), (1, 40, 18, None)):
        terms = size * size * channels
        for kind in range(5):
            x = rng.integers(-127, 128, (2, 5, 6, channels)).astype(np.int8)
            w = rng.integers(-64, 65, (n, terms)).astype(np.int8)
            if kind:
                x = np.where(x < 0, -127, 127).astype(np.int8) if kind > 2 else np.full_like(x, 127)
                w = np.where(w < 0, -64, 64).astype(np.int8) if kind > 3 else np.full_like(w, 64 if kind % 2 else -64)
            packed = pack(w, rng.integers(-9999, 9999, n).astype(np.int32))
            scale = (rng.random(n) / 2048).astype(np.float32)
            residual = rng.integers(-(1 << 22), 1 << 22, (2, 5, 6, n)).astype(np.int32)
            expected = residual.copy()
            sums, small = np.empty_like(residual), np.empty(residual.shape, dtype=np.int8)
            _convolve(loops, SUMS, x, packed, size, 2, sums, way=way)
            _convolve(loops, REQUANT, x, packed, size, 2, small, scale, -127, way=way)
            _convolve(loops, ACCUMULATE, x, packed, size, 2, residual, scale * np.float32(99), way=way)
            right = plain.conv_sums(x, packed, size, 2)
            plain.accumulate(expected, right, scale * np.float32(99))
            if not (
                np.array_equal(sums, right)
                and np.array_equal(small, plain.requantize(right, scale, -127))
                and np.array_equal(residual, expected)
            ):
                return False
    flat = residual.reshape(-1, n)
    out = np.empty(flat.shape, dtype=np.int8)
    loops.quantize(flat, scale, np.float32(0), out)
    return np.array_equal(out, plain.quantize(flat, scale, 0))
