"""Random numbers that are the same on every machine: Philox raw numbers and integer arithmetic only.

NumPy's distributions may change between versions (NEP 19); the raw 64-bit output of a bit generator may not.
So everything here is made from raw Philox-4x64 numbers (Salmon et al. 2011, "Parallel random numbers: as easy
as 1, 2, 3") by integer arithmetic. ``REVISION`` enters every candidate key: raise it when any method would
return other numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

REVISION = 1

_NORMAL_TERMS = 12


class Stream:
    """A named stream of random numbers; equal names give equal numbers.

    Args:
        name: any text; the Philox key is the first 128 bits of its sha256.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._bits: np.random.Philox | None = None  # made when first used: many streams only have children

    def child(self, name: str) -> Stream:
        """An independent stream named below this one; does not advance this one."""
        return Stream(f"{self.name}/{name}")

    def raw(self, count: int) -> npt.NDArray[np.uint64]:
        """``count`` raw numbers, uniform over 0 .. 2**64-1, shape (count,)."""
        if self._bits is None:
            key = int.from_bytes(hashlib.sha256(self.name.encode("utf-8")).digest()[:16], "little")
            self._bits = np.random.Philox(key=key)
        return np.asarray(self._bits.random_raw(count), dtype=np.uint64)

    def integers(self, below: int, count: int) -> npt.NDArray[np.int64]:
        """``count`` integers uniform over 0 .. below-1 (bias under below / 2**64), shape (count,).

        Raises:
            ValueError: ``below`` is not within 1 .. 2**62.
        """
        if not 1 <= below <= 1 << 62:
            raise ValueError(f"below must be within 1 .. 2**62, not {below}")
        return (self.raw(count) % np.uint64(below)).astype(np.int64)

    def integer(self, below: int) -> int:
        """One integer uniform over 0 .. below-1."""
        return int(self.integers(below, 1)[0])

    def choice(self, weights: npt.NDArray[np.int64]) -> int:
        """An index drawn with probability proportional to integer weights, shape (n,).

        Raises:
            ValueError: a weight is negative or all are 0.
        """
        return int(self.choices(np.asarray(weights, dtype=np.int64)[None, :])[0])

    def choices(self, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """One index a row, each drawn by its row's integer weights: (rows, n) to (rows,).

        Raises:
            ValueError: a weight is negative, or a row is all 0.
        """
        edges = np.cumsum(np.asarray(weights, dtype=np.int64), axis=1)  # (rows, n)
        total = edges[:, -1]
        if weights.size and (int(weights.min()) < 0 or int(total.min()) <= 0):
            raise ValueError("weights must be at least 0, with one above 0 in each row")
        draw = (self.raw(len(edges)) % total.astype(np.uint64)).astype(np.int64)  # (rows,)
        return np.asarray((edges <= draw[:, None]).sum(axis=1), dtype=np.int64)

    def permutation(self, count: int) -> npt.NDArray[np.int64]:
        """The numbers 0 .. count-1 in random order, shape (count,)."""
        order: npt.NDArray[np.int64] = np.argsort(self.raw(count), kind="stable").astype(np.int64)
        return order

    def normals(self, count: int) -> npt.NDArray[np.int64]:
        """``count`` integers, standard normal in units of 1/65536, shape (count,).

        The sum of twelve uniform 16-bit numbers (Irwin-Hall): mean 0, variance 1, cut at 6 sigma; exact
        integers on every machine, which no table of a C library's logarithms is.
        """
        words = self.raw(count * _NORMAL_TERMS // 4)  # four 16-bit numbers a word
        terms = words.view(np.uint16) if words.dtype.byteorder != ">" else words.byteswap().view(np.uint16)
        sums = terms.reshape(count, _NORMAL_TERMS).astype(np.int64).sum(axis=1)
        return np.asarray(sums - (_NORMAL_TERMS // 2 * 65536 - _NORMAL_TERMS // 2), dtype=np.int64)
