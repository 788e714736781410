"""Choose the kernels that this machine runs best; all choices give the same bits."""

from __future__ import annotations

from types import ModuleType


def kernels() -> ModuleType:
    """The compiled kernels where they work and pass their self-test, else the plain ones."""
    from aigc_content.nn import kernels as plain

    try:
        from aigc_content.nn import fast
    except ImportError:
        return plain
    return fast


def cells() -> ModuleType:
    """The same for the kernels of sequence networks; see `aigc_content.nn.cells`."""
    from aigc_content.nn import cells as plain

    try:
        from aigc_content.nn import fast_cells
    except ImportError:
        return plain
    return fast_cells
