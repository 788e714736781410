"""What a drawn picture is cleaned of before it is looked at: crumbs, pinholes, lone pixels."""

from __future__ import annotations

import numpy as np

from aigc_content.nn.postprocess import components, remove_small
from aigc_sprites.coloring import levels_of
from aigc_sprites.craft import bumps
from aigc_sprites.tokens import CLEAR, Tokens

CRUMB = 40
"""Thousandths of a picture's pixels: fewer that hang together are none of its parts."""
_FAR = 2  # levels: a pixel this far from all its neighbors is lone


def whole(tokens: Tokens, crumb: int = CRUMB) -> Tokens:
    """A picture (H, W), lit or not, without crumbs and pinholes, and without bumps and notches of one pixel."""
    shown = tokens != CLEAR
    least = max(2, int(shown.sum()) * crumb // 1000)
    kept = remove_small(shown[None], least, diagonal=True)[0]
    holes = ~remove_small(~kept[None], 2)[0] & ~kept
    result = _filled(np.where(kept, tokens, CLEAR).astype(np.uint8), holes)
    result[np.any(bumps(result != CLEAR), axis=0)] = CLEAR
    return _filled(result, np.any(bumps(result == CLEAR), axis=0))


def attached(tokens: Tokens, beneath: Tokens) -> Tokens:
    """A layer (H, W) without the pieces that hang on nothing beneath it, (H, W)."""
    labels = components(((tokens != CLEAR) | (beneath != CLEAR))[None], diagonal=True)[0]
    return np.where(np.isin(labels, labels[beneath != CLEAR]), tokens, CLEAR).astype(np.uint8)


def smooth(tokens: Tokens) -> Tokens:
    """A picture (H, W) whose lone pixels have a neighbor's token."""
    return _filled(tokens, _lone(tokens))


def _lone(tokens: Tokens) -> np.ndarray:
    """Pixels inside the shape that differ from all four neighbors in token, and clearly in light."""
    padded, light = np.pad(tokens, 1), np.pad(levels_of(tokens), 1)
    inner, lit = padded[1:-1, 1:-1], light[1:-1, 1:-1]
    lone = inner != CLEAR
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        rows, columns = slice(dy, dy + len(tokens)), slice(dx, dx + tokens.shape[1])
        other, near = padded[rows, columns], light[rows, columns]
        lone &= (other != inner) & (other != CLEAR) & (np.abs(near - lit) >= _FAR)
    return np.asarray(lone)


def _filled(tokens: Tokens, places: np.ndarray) -> Tokens:
    """Each of the places gets the token that most of its four neighbors have (the least, where several do)."""
    result = tokens.copy()
    height, width = tokens.shape
    for y, x in zip(*np.nonzero(places), strict=True):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        near = [int(tokens[a, b]) for a, b in around if 0 <= a < height and 0 <= b < width and tokens[a, b] != CLEAR]
        if near:
            result[y, x] = max(sorted(set(near)), key=near.count)
    return result
