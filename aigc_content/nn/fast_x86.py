"""Vector code for x86 processors, as numba intrinsics: products of small tiles, transforms and roundings.

Every tile has 16 output channels: two vectors of 8 sums on AVX2, one of 16 on AVX-512. All arguments are addresses
and sizes in bytes or steps; the callers in `aigc_content.nn.fast_loops` see to bounds. ``target`` is a compile-time
constant that picks the row of `ISAS`.

Two exact ways to sum. *Bytes*: ``pmaddubsw`` multiplies unsigned by signed bytes into 16-bit pairs. Activations are
offset by 128, so a pair is at most 255 * 64 * 2 < 2**15 and never saturates. Two pairs and the correction
``-128 * sum(w)`` are added modulo 2**16, and the result, at most 127 * 64 * 4 < 2**15, is exact again before it is
widened. *Winograd* (Lavin and Gray 2016, arXiv:1509.09308), F(4x4, 3x3): 36 products instead of 144. Transformed
activations are at most 100 * 127, transformed weights at most 144 * 64, so both fit 16 bits. The sums come out 576
times too large modulo 2**32; as 576 = 9 * 64 and a true sum is below 2**24, multiplying by the inverse of 9 and
shifting by 6 gives it exactly.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba.core.cgutils
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

cgutils: Any = numba.core.cgutils  # it has no types
TILE = 16
INVERSE_OF_9 = 954437177
_I8, _I16, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


@dataclass(frozen=True)
class Isa:
    """One instruction set.

    Attributes:
        name: as in ``AIGC_KERNELS``.
        features: what LLVM must report of the processor.
        lanes: 32-bit sums in a vector.
        dot: whether it has products of four bytes added to sums (VNNI).
        rows: tiles in one Winograd product.
        pixels: pixels in one product of bytes.
        emulated: instructions are replaced by plain ones (for tests).
    """

    name: str
    features: tuple[str, ...]
    lanes: int
    dot: bool
    rows: int
    pixels: int
    emulated: bool = False


_AVX512 = ("avx512f", "avx512bw", "avx512vl", "avx512dq")
ISAS = (
    Isa("vnni", (*_AVX512, "avx512vnni"), 16, True, 12, 8),
    Isa("avx512", _AVX512, 16, False, 12, 8),
    Isa("avxvnni", ("avx2", "avxvnni"), 8, True, 6, 4),
    Isa("avx2", ("avx2",), 8, False, 6, 4),
    Isa("emulated-vnni", ("avx2",), 16, True, 12, 8, emulated=True),
    Isa("emulated-avx512", ("avx2",), 16, False, 12, 8, emulated=True),
    Isa("emulated-avxvnni", ("avx2",), 8, True, 6, 4, emulated=True),
)


class _Vectors:
    """Emits vector instructions at the builder's position."""

    def __init__(self, builder: Any, target: int) -> None:
        self.builder = builder
        self.isa = ISAS[target % TILE]
        self.lanes = self.isa.lanes
        self.parts = TILE // self.lanes
        self.sums = ir.VectorType(_I32, self.lanes)

    def load(self, address: Any, offset: Any, kind: Any, step: int = 1) -> Any:
        at = self.builder.add(address, self.scale(offset, step))
        return self.builder.load(self.builder.inttoptr(at, kind.as_pointer()), align=1)

    def store(self, value: Any, address: Any, offset: Any, step: int = 1) -> None:
        at = self.builder.add(address, self.scale(offset, step))
        self.builder.store(value, self.builder.inttoptr(at, value.type.as_pointer()), align=1)

    def scale(self, offset: Any, step: int) -> Any:
        if isinstance(offset, int):
            return _I64(offset * step)
        return offset if step == 1 else self.builder.mul(offset, _I64(step))

    def spread(self, scalar: Any, count: int) -> Any:
        kind = ir.VectorType(scalar.type, count)
        one = self.builder.insert_element(kind(ir.Undefined), scalar, _I32(0))
        return self.builder.shuffle_vector(one, kind(ir.Undefined), ir.VectorType(_I32, count)([0] * count))

    def constant(self, value: float, kind: Any) -> Any:
        return kind([value] * kind.count)

    def reread(self, address: Any) -> Any:
        """The same address, but LLVM cannot tell: it loads again what registers have no room for."""
        return self.builder.asm(ir.FunctionType(_I64, [_I64]), "", "=r,0", [address], False)

    def call(self, name: str, result: Any, *args: Any) -> Any:
        kind = ir.FunctionType(result, [a.type for a in args])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), args)

    def dot_words(self, acc: Any, a: Any, w: Any) -> Any:
        """Add products of 16-bit pairs to sums; all three are vectors of 32-bit lanes."""
        b, bits = self.builder, 32 * self.lanes
        if self.isa.dot and not self.isa.emulated:
            return self.call(f"llvm.x86.avx512.vpdpwssd.{bits}", self.sums, acc, a, w)
        half = ir.VectorType(_I16, 2 * self.lanes)
        a, w = b.bitcast(a, half), b.bitcast(w, half)
        return b.add(acc, self.add_pairs(a, w))

    def add_pairs(self, a: Any, w: Any) -> Any:
        """``pmaddwd``: products of 16-bit lanes, neighbors added."""
        if not self.isa.emulated:
            name = "llvm.x86.avx2.pmadd.wd" if self.lanes == 8 else "llvm.x86.avx512.pmaddw.d.512"
            return self.call(name, self.sums, a, w)
        wide = ir.VectorType(_I32, a.type.count)
        products = self.builder.mul(self.builder.sext(a, wide), self.builder.sext(w, wide))
        return self.fold(products)

    def fold(self, wide: Any) -> Any:
        """Add neighboring lanes."""
        count = wide.type.count // 2
        index = ir.VectorType(_I32, count)
        none = wide.type(ir.Undefined)
        even = self.builder.shuffle_vector(wide, none, index([2 * i for i in range(count)]))
        odd = self.builder.shuffle_vector(wide, none, index([2 * i + 1 for i in range(count)]))
        return self.builder.add(even, odd)

    def dot_bytes(self, acc: Any, a: Any, w: Any) -> Any:
        """``vpdpbusd``: add products of four unsigned by four signed bytes to each sum."""
        if not self.isa.emulated:
            return self.call(f"llvm.x86.avx512.vpdpbusd.{32 * self.lanes}", self.sums, acc, a, w)
        b = self.builder
        small, wide = ir.VectorType(_I8, 4 * self.lanes), ir.VectorType(_I32, 4 * self.lanes)
        products = b.mul(b.zext(b.bitcast(a, small), wide), b.sext(b.bitcast(w, small), wide))
        return b.add(acc, self.fold(self.fold(products)))

    def pairs_of_bytes(self, a: Any, w: Any) -> Any:
        """``pmaddubsw``: products of unsigned by signed bytes, neighbors added, saturated to 16 bits."""
        b = self.builder
        small, half = ir.VectorType(_I8, 4 * self.lanes), ir.VectorType(_I16, 2 * self.lanes)
        a, w = b.bitcast(a, small), b.bitcast(w, small)
        if not self.isa.emulated:
            name = "llvm.x86.avx2.pmadd.ub.sw" if self.lanes == 8 else "llvm.x86.avx512.pmaddubs.w.512"
            return self.call(name, half, a, w)
        wide = ir.VectorType(_I32, 4 * self.lanes)
        total = self.fold(b.mul(b.zext(a, wide), b.sext(w, wide)))
        low, high = self.constant(-(1 << 15), total.type), self.constant((1 << 15) - 1, total.type)
        total = b.select(b.icmp_signed("<", total, low), low, total)
        total = b.select(b.icmp_signed(">", total, high), high, total)
        return b.trunc(total, half)


def _vector_code(emit: Callable[..., None]) -> Any:
    """Make an intrinsic of a function that emits the body; all arguments after ``target`` are 64-bit integers."""

    def typed(typingctx: Any, target: Any, *args: Any) -> Any:
        value = target.literal_value

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            emit(_Vectors(builder, value), *values[1:])
            return context.get_dummy_value()

        return types.void(target, *([types.int64] * len(args))), generate

    functools.update_wrapper(typed, emit)
    names = ["typingctx", "target", *list(inspect.signature(emit).parameters)[1:]]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    typed.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    return intrinsic(prefer_literal=True)(typed)


def _accumulators(v: _Vectors, rows: int) -> list[list[Any]]:
    """Slots on the stack, all zero, that LLVM turns into registers."""
    zero = v.constant(0, v.sums)
    slots = [[cgutils.alloca_once(v.builder, v.sums) for _ in range(v.parts)] for _ in range(rows)]
    for slot in (slot for row in slots for slot in row):
        v.builder.store(zero, slot)
    return slots


def _store_tile(v: _Vectors, slots: list[list[Any]], out: Any) -> None:
    for r, row in enumerate(slots):
        for p, slot in enumerate(row):
            v.store(v.builder.load(slot), out, 4 * (r * TILE + p * v.lanes))


@_vector_code
def product_words(v: _Vectors, a: Any, stride: Any, w: Any, out: Any, pairs: Any) -> None:
    """`Isa.rows` rows of 16-bit pairs, ``stride`` bytes apart, times 16 columns."""
    b = v.builder
    slots = _accumulators(v, v.isa.rows)
    rows = [b.add(a, v.scale(stride, r)) for r in range(v.isa.rows)]
    with cgutils.for_range(b, pairs) as loop:
        weights = b.add(w, v.scale(loop.index, 4 * TILE))
        columns = [v.load(weights, 4 * p * v.lanes, v.sums) for p in range(v.parts)]
        for row, slot in zip(rows, slots, strict=True):
            word = v.spread(v.load(b.add(row, v.scale(loop.index, 4)), 0, _I32), v.lanes)
            for p in range(v.parts):
                b.store(v.dot_words(b.load(slot[p]), word, columns[p]), slot[p])
    _store_tile(v, slots, out)


def _sum_octets(v: _Vectors, slots: list[list[Any]], a: Any, stride: Any, w: Any, octets: Any, offset: bool) -> None:
    """Add one tap of a product of bytes."""
    b, fix = v.builder, offset and not v.isa.dot
    half = ir.VectorType(_I16, 2 * v.lanes)
    ones = v.constant(1, half)
    head, body, skip = (4 * TILE, 8 * TILE, 0) if v.isa.dot else (0, 12 * TILE, 4 * TILE)
    with cgutils.for_range(b, octets) as loop:
        base = b.add(w, b.add(v.scale(loop.index, body), _I64(head)))
        for p in range(v.parts):
            at = 4 * p * v.lanes
            here = v.reread(b.add(a, v.scale(loop.index, 8)))
            first, second = (v.load(base, skip + step + at, v.sums) for step in (0, 4 * TILE))
            correction = v.load(base, at, half) if fix else None
            for r, slot in enumerate(slots):
                row = b.add(here, v.scale(stride, r))
                low, high = (v.spread(v.load(row, byte, _I32), v.lanes) for byte in (0, 4))
                acc = b.load(slot[p])
                if v.isa.dot:
                    acc = v.dot_bytes(v.dot_bytes(acc, low, first), high, second)
                else:
                    total = v.pairs_of_bytes(low, first)
                    if fix:
                        total = b.add(total, correction)
                    total = b.add(total, v.pairs_of_bytes(high, second))
                    acc = b.add(acc, v.add_pairs(total, ones))
                b.store(acc, slot[p])


@_vector_code
def product_bytes(v: _Vectors, a: Any, stride: Any, w: Any, out: Any, octets: Any) -> None:
    """`Isa.pixels` pixels of bytes within 0..127, ``stride`` apart, times 16 columns; weights as `product_taps`."""
    slots = _accumulators(v, v.isa.pixels)
    _sum_octets(v, slots, a, stride, w, octets, offset=False)
    _store_tile(v, slots, out)


@_vector_code
def product_taps(v: _Vectors, a: Any, stride: Any, taps: Any, count: Any, w: Any, out: Any, octets: Any) -> None:
    """`Isa.pixels` pixels of offset bytes, ``stride`` apart, times 16 columns, summed over ``count`` taps.

    ``taps`` holds for each tap an offset from ``a`` and one from ``w``. Weights of a tap: with VNNI, the correction
    (16 sums), then four bytes a column for each step of 4; else for each octet the correction (16 pairs of 16 bits)
    and two such steps.
    """
    b = v.builder
    slots = _accumulators(v, v.isa.pixels)
    with cgutils.for_range(b, count) as tap:
        entry = b.add(taps, v.scale(tap.index, 16))
        pixel, weights = b.add(a, v.load(entry, 0, _I64)), b.add(w, v.load(entry, 8, _I64))
        if v.isa.dot:
            for p in range(v.parts):
                correction = v.load(weights, 4 * p * v.lanes, v.sums)
                for slot in slots:
                    b.store(b.add(b.load(slot[p]), correction), slot[p])
        _sum_octets(v, slots, pixel, stride, weights, octets, offset=True)
    _store_tile(v, slots, out)


def _times(v: _Vectors, value: Any, shift: int) -> Any:
    return v.builder.shl(value, v.constant(shift, value.type))


def _into(v: _Vectors, d: list[Any]) -> list[Any]:
    """One dimension of the transform of activations: 6 to 6, sums of absolute factors 10, 10, 10, 6, 6, 10."""
    add, sub = v.builder.add, v.builder.sub
    e, f = sub(d[4], d[2]), sub(d[3], d[1])
    return [
        add(_times(v, sub(d[0], d[2]), 2), e),
        sub(_times(v, add(d[1], d[2]), 2), add(d[3], d[4])),
        add(_times(v, sub(d[2], d[1]), 2), sub(d[3], d[4])),
        add(e, _times(v, f, 1)),
        sub(e, _times(v, f, 1)),
        sub(sub(d[5], d[3]), _times(v, f, 2)),
    ]


def _out_of(v: _Vectors, m: list[Any]) -> list[Any]:
    """One dimension of the transform of sums: 6 to 4, 24 times too large."""
    add, sub = v.builder.add, v.builder.sub
    p, q, r, s = add(m[1], m[2]), sub(m[1], m[2]), add(m[3], m[4]), sub(m[3], m[4])
    return [
        add(add(m[0], p), r),
        add(q, _times(v, s, 1)),
        add(p, _times(v, r, 2)),
        add(add(q, _times(v, s, 3)), _times(v, m[5], 1)),
    ]


@_vector_code
def transform_in(v: _Vectors, pixels: Any, out: Any, stride: Any, channels: Any) -> None:
    """Six by six pixels, whose addresses are at ``pixels``, to 36 rows of 16-bit channels, ``stride`` bytes apart."""
    b, bytes_, words = v.builder, ir.VectorType(_I8, 16), ir.VectorType(_I16, 16)
    with cgutils.for_range(b, b.lshr(channels, _I64(4))) as loop:
        columns = []
        for j in range(6):
            at = [b.add(v.load(pixels, 8 * (6 * i + j), _I64), v.scale(loop.index, 16)) for i in range(6)]
            columns.append(_into(v, [b.sext(v.load(a, 0, bytes_), words) for a in at]))
        target = b.add(out, v.scale(loop.index, 32))
        for i in range(6):
            for j, value in enumerate(_into(v, [columns[j][i] for j in range(6)])):
                v.store(value, target, v.scale(stride, 6 * i + j))


@_vector_code
def transform_out(v: _Vectors, sums: Any, stride: Any, out: Any) -> None:
    """36 rows of 16 sums, ``stride`` bytes apart, to 16 pixels of 16 exact sums."""
    b = v.builder
    inverse, six = v.constant(INVERSE_OF_9, v.sums), v.constant(6, v.sums)
    with cgutils.for_range(b, _I64(v.parts)) as loop:
        part = v.scale(loop.index, 4 * v.lanes)
        source, target = b.add(sums, part), b.add(out, part)
        columns = [
            _out_of(v, [v.load(source, v.scale(stride, 6 * i + j), v.sums) for i in range(6)]) for j in range(6)
        ]
        for i in range(4):
            for j, value in enumerate(_out_of(v, [columns[j][i] for j in range(6)])):
                v.store(b.ashr(b.mul(value, inverse), six), target, 4 * TILE * (4 * i + j))


def _both(v: _Vectors, address: Any, kind: Any) -> list[Any]:
    return [v.load(address, 4 * p * v.lanes, ir.VectorType(kind, v.lanes)) for p in range(v.parts)]


def _scaled(v: _Vectors, total: Any, multiplier: Any, low: Any, high: Any) -> Any:
    """``round(clamp(total * multiplier))``: the same as rounding first, as the bounds are whole."""
    b, floats = v.builder, ir.VectorType(_F32, v.lanes)
    value = b.fmul(b.sitofp(total, floats), multiplier)
    value = b.select(b.fcmp_ordered(">", value, low), value, low)
    value = b.select(b.fcmp_ordered("<", value, high), value, high)
    return b.fptosi(v.call(f"llvm.rint.v{v.lanes}f32", floats, value), v.sums)


def _activations(v: _Vectors, parts: list[Any]) -> Any:
    """Sums within int8 to 16 bytes."""
    b = v.builder
    if v.parts == 1:
        return b.trunc(parts[0], ir.VectorType(_I8, TILE))
    words = v.call("llvm.x86.avx2.packssdw", ir.VectorType(_I16, TILE), *parts)  # 4 of one, 4 of the other, twice
    index, none = ir.VectorType(_I32, 8), words.type(ir.Undefined)
    halves = [b.shuffle_vector(words, none, index(list(range(at, at + 8)))) for at in (0, 8)]
    packed = v.call("llvm.x86.sse2.packsswb.128", ir.VectorType(_I8, TILE), *halves)
    order = [4 * q + i for q in (0, 2, 1, 3) for i in range(4)]
    return b.shuffle_vector(packed, packed.type(ir.Undefined), ir.VectorType(_I32, TILE)(order))


@_vector_code
def finish_sums(v: _Vectors, sums: Any, out: Any, stride: Any, count: Any, bias: Any) -> None:
    """Pixels of 16 sums plus bias, to pixels ``stride`` bytes apart."""
    b, biases = v.builder, _both(v, bias, _I32)
    with cgutils.for_range(b, count) as loop:
        totals = _both(v, b.add(sums, v.scale(loop.index, 4 * TILE)), _I32)
        to = b.add(out, b.mul(loop.index, stride))
        for p in range(v.parts):
            v.store(b.add(totals[p], biases[p]), to, 4 * p * v.lanes)


@_vector_code
def finish_requant(
    v: _Vectors, sums: Any, out: Any, stride: Any, count: Any, bias: Any, multiplier: Any, floor: Any
) -> None:
    """Pixels of 16 sums plus bias, scaled to activations."""
    b, biases, scales = v.builder, _both(v, bias, _I32), _both(v, multiplier, _F32)
    low = v.spread(b.sitofp(floor, _F32), v.lanes)
    high = v.constant(127.0, low.type)
    with cgutils.for_range(b, count) as loop:
        totals = _both(v, b.add(sums, v.scale(loop.index, 4 * TILE)), _I32)
        parts = [_scaled(v, b.add(totals[p], biases[p]), scales[p], low, high) for p in range(v.parts)]
        v.store(_activations(v, parts), b.add(out, b.mul(loop.index, stride)), 0)


@_vector_code
def finish_accumulate(
    v: _Vectors, sums: Any, out: Any, stride: Any, count: Any, bias: Any, multiplier: Any, bound: Any
) -> None:
    """Pixels of 16 sums plus bias, scaled and added to the residual stream; all within +-bound."""
    b, biases, scales = v.builder, _both(v, bias, _I32), _both(v, multiplier, _F32)
    high, top = v.spread(b.sitofp(bound, _F32), v.lanes), v.spread(b.trunc(bound, _I32), v.lanes)
    low, bottom = b.fneg(high), b.neg(top)
    with cgutils.for_range(b, count) as loop:
        totals = _both(v, b.add(sums, v.scale(loop.index, 4 * TILE)), _I32)
        to = b.add(out, b.mul(loop.index, stride))
        held = _both(v, to, _I32)
        for p in range(v.parts):
            value = b.add(held[p], _scaled(v, b.add(totals[p], biases[p]), scales[p], low, high))
            value = b.select(b.icmp_signed(">", value, bottom), value, bottom)
            value = b.select(b.icmp_signed("<", value, top), value, top)
            v.store(value, to, 4 * p * v.lanes)


@_vector_code
def move(v: _Vectors, source: Any, out: Any, size: Any) -> None:
    """Copy bytes."""
    text = _I8.as_pointer()
    cgutils.raw_memcpy(v.builder, v.builder.inttoptr(out, text), v.builder.inttoptr(source, text), size, 1)


@_vector_code
def offset_bytes(v: _Vectors, source: Any, out: Any, size: Any) -> None:
    """Copy activations as unsigned bytes, 128 added."""
    b = v.builder
    for width in (32, 1):
        kind = ir.VectorType(_I8, width)
        count = b.lshr(size, _I64(5)) if width == 32 else b.and_(size, _I64(31))
        start = _I64(0) if width == 32 else b.and_(size, _I64(~31))
        with cgutils.for_range(b, count) as loop:
            at = b.add(start, v.scale(loop.index, width))
            v.store(b.xor(v.load(source, at, kind), v.constant(-128, kind)), out, at)


@_vector_code
def fill_bytes(v: _Vectors, out: Any, value: Any, size: Any) -> None:
    """Set bytes."""
    b = v.builder
    cgutils.memset(b, b.inttoptr(out, _I8.as_pointer()), size, b.trunc(value, _I8))


@_vector_code
def join_bits(v: _Vectors, source: Any, out: Any, size: Any) -> None:
    """Write 64 bits that are 0 if none of the bytes, a multiple of 32, is negative."""
    b, kind = v.builder, ir.VectorType(_I64, 4)
    slot = cgutils.alloca_once(b, kind)
    b.store(v.constant(0, kind), slot)
    with cgutils.for_range(b, b.lshr(size, _I64(5))) as loop:
        b.store(b.or_(b.load(slot), v.load(source, v.scale(loop.index, 32), kind)), slot)
    signs = b.and_(b.load(slot), v.constant(-0x7F7F7F7F7F7F7F80, kind))
    result = _I64(0)
    for i in range(4):
        result = b.or_(result, b.extract_element(signs, _I32(i)))
    v.store(result, out, 0)
