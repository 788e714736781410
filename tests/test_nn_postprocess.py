"""Post-processing against loops over pixels, and exact in its ties."""

from __future__ import annotations

import hashlib
import itertools
from fractions import Fraction

import numpy as np
import pytest

from aigc_content.nn import postprocess
from aigc_content.rng import Stream

GOLDEN = "801fe28a00a4f7a6db1ccee80dc1fcbd46ef5bcd55e63c33c9ad3b2d2028055a"


def pictures(*shape: int, name: str = "pictures") -> postprocess.Pixels:
    return Stream(name).integers(256, int(np.prod(shape))).reshape(shape).astype(np.uint8)


def masks(*shape: int, share: int = 140, name: str = "masks") -> postprocess.Masks:
    return pictures(*shape, name=name) < share


class TestSharpen:
    @pytest.mark.parametrize("strength", [0, 5, 16, 256])
    def test_equals_the_unsharp_mask_in_fractions(self, strength: int) -> None:
        images = pictures(2, 4, 5, 2)
        found = postprocess.sharpen(images, strength)
        taps = (1, 2, 1)
        for b, y, x, c in itertools.product(range(2), range(4), range(5), range(2)):
            blurred = sum(
                Fraction(taps[dy] * taps[dx], 16)
                * int(images[b, min(max(y + dy - 1, 0), 3), min(max(x + dx - 1, 0), 4), c])
                for dy in range(3)
                for dx in range(3)
            )
            value = int(images[b, y, x, c])
            sharp = value + Fraction(strength, 16) * (value - blurred)
            assert found[b, y, x, c] == min(max((sharp + Fraction(1, 2)).__floor__(), 0), 255)

    def test_flat_areas_and_slopes_stay_and_edges_grow(self) -> None:
        slope = np.broadcast_to(np.arange(0, 80, 10, dtype=np.uint8)[None, None, :, None], (1, 5, 8, 1))
        assert np.array_equal(postprocess.sharpen(slope)[:, :, 1:-1], slope[:, :, 1:-1])
        edge = np.broadcast_to(np.repeat(np.uint8([50, 150]), 4)[None, None, :, None], (1, 5, 8, 1))
        row = postprocess.sharpen(edge)[0, 2, :, 0].tolist()
        assert row == [50, 50, 50, 25, 175, 150, 150, 150]


class TestThreshold:
    def test_the_level_itself_is_set(self) -> None:
        assert postprocess.threshold(np.uint8([[3, 4, 5]]), 4).tolist() == [[False, True, True]]
        assert not postprocess.threshold(pictures(2, 3, 3), 256).any()

    def test_each_picture_has_its_level(self) -> None:
        images = pictures(3, 4, 4, 1)
        found = postprocess.threshold(images, np.array([10, 100, 256]))
        for image, mask, level in zip(images, found, (10, 100, 256), strict=True):
            assert np.array_equal(mask, image.astype(int) >= level)


class TestOtsu:
    def test_equals_the_greatest_variance_between_classes(self) -> None:
        images = np.concatenate([pictures(6, 5, 5), pictures(6, 5, 5, name="few") // 50 * 50])
        for image, found in zip(images, postprocess.otsu(images), strict=True):
            values = [int(value) for value in image.ravel()]
            spread = {}
            for level in range(1, 256):
                low, high = [v for v in values if v < level], [v for v in values if v >= level]
                if low and high:
                    gap = Fraction(sum(high), len(high)) - Fraction(sum(low), len(low))
                    spread[level] = Fraction(len(low) * len(high)) * gap**2
            best = max(spread.values())
            assert found == min(level for level, value in spread.items() if value == best)

    def test_parts_two_heaps(self) -> None:
        values = np.concatenate([40 + pictures(1, 300) // 16, 200 + pictures(1, 100) // 16], axis=1)
        (level,) = postprocess.otsu(values)
        assert 56 <= level <= 200
        assert postprocess.threshold(values, level).sum() == 100

    def test_a_single_value_has_no_level(self) -> None:
        images = np.stack([np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)])
        levels = postprocess.otsu(images)
        assert levels.tolist() == [postprocess.FLAT, postprocess.FLAT]
        assert not postprocess.threshold(images, levels).any()

    def test_extremes_are_parted(self) -> None:
        assert postprocess.otsu(np.uint8([[0, 0, 0, 1], [254, 255, 255, 255]])).tolist() == [1, 255]


class TestPalette:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_equals_the_loop_over_colors(self, channels: int) -> None:
        images, palette = pictures(2, 9, 7, channels), pictures(256, channels, name="palette")
        found = postprocess.to_palette(images, palette)
        assert (found.dtype, found.shape) == (np.uint8, (2, 9, 7))
        for place in np.ndindex(2, 9, 7):
            pixel = [int(value) for value in images[place]]
            far = [sum((p - int(q)) ** 2 for p, q in zip(pixel, color, strict=True)) for color in palette]
            assert found[place] == far.index(min(far))

    def test_the_largest_distances_are_exact(self) -> None:
        # One step of one channel decides, at the far end of the range.
        palette = np.uint8([[255, 255, 255, 254], [255, 255, 255, 255], [255, 255, 254, 255]])
        assert postprocess.to_palette(np.uint8([[0, 0, 0, 0], [255, 255, 255, 255]]), palette).tolist() == [0, 1]
        assert postprocess.to_palette(np.uint8([[255, 255, 254, 255]]), palette).tolist() == [2]

    def test_ties_go_to_the_lowest_index(self) -> None:
        palette = np.uint8([[10], [30], [30], [10]])
        assert postprocess.to_palette(np.uint8([[20], [21], [9]]), palette).tolist() == [0, 1, 0]

    def test_colors_of_the_palette_are_kept(self) -> None:
        palette = np.unique(pictures(64, 3), axis=0)
        indices = Stream("indices").integers(len(palette), 3 * 8 * 8).reshape(3, 8, 8)
        assert np.array_equal(postprocess.to_palette(palette[indices], palette), indices)

    def test_blocks_do_not_show(self) -> None:
        images, palette = pictures(1, 200, 300, 3), pictures(16, 3, name="palette")
        parts = [postprocess.to_palette(row[None], palette) for row in images[0]]
        assert np.array_equal(postprocess.to_palette(images, palette)[0], np.concatenate(parts))

    @pytest.mark.parametrize("palette", [(5, 4), (0, 3), (257, 3), (3,)])
    def test_a_palette_that_does_not_fit_is_refused(self, palette: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"palette|colors"):
            postprocess.to_palette(pictures(1, 2, 2, 3), np.zeros(palette, np.uint8))


def flooded(mask: postprocess.Masks, diagonal: bool) -> list[set[tuple[int, int]]]:
    """Components of one mask by walking from pixel to pixel."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    found = []
    while left:
        front = [left.pop()]
        component = set(front)
        while front:
            y, x = front.pop()
            steps = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if diagonal or not dy or not dx}
            front += steps & left
            component |= steps & left
            left -= steps
        found.append(component)
    return found


class TestComponents:
    @pytest.mark.parametrize("diagonal", [False, True])
    @pytest.mark.parametrize("share", [60, 110, 150, 200])
    def test_equal_those_found_by_walking(self, diagonal: bool, share: int) -> None:
        many = masks(8, 13, 17, share=share)
        labels = postprocess.components(many, diagonal)
        assert np.array_equal(labels >= 0, many)
        for place, (mask, label) in enumerate(zip(many, labels, strict=True)):
            for component in flooded(mask, diagonal):
                first = min(component)
                assert {int(label[cell]) for cell in component} == {place * 13 * 17 + first[0] * 17 + first[1]}

    def test_long_ways_hang_together(self) -> None:
        snake = np.zeros((1, 63, 64), dtype=np.bool_)
        snake[:, ::2] = True
        snake[0, 1::4, -1] = snake[0, 3::4, 0] = True
        labels = postprocess.components(snake)
        assert set(labels[snake].tolist()) == {0}

    def test_pictures_do_not_hang_together(self) -> None:
        labels = postprocess.components(np.ones((3, 4, 5), dtype=np.bool_), diagonal=True)
        assert [set(label.ravel().tolist()) for label in labels] == [{0}, {20}, {40}]

    @pytest.mark.parametrize("shape", [(2, 1, 1), (0, 4, 4), (1, 1, 7), (1, 7, 1)])
    def test_any_size_goes(self, shape: tuple[int, ...]) -> None:
        labels = postprocess.components(np.ones(shape, dtype=np.bool_), diagonal=True)
        assert labels.shape == shape
        assert np.unique(labels).size == shape[0]

    @pytest.mark.parametrize("diagonal", [False, True])
    @pytest.mark.parametrize("least", [0, 1, 2, 5, 1000])
    def test_only_small_ones_are_removed(self, diagonal: bool, least: int) -> None:
        many = masks(8, 13, 17)
        found = postprocess.remove_small(many, least, diagonal)
        for mask, result in zip(many, found, strict=True):
            kept = {cell for component in flooded(mask, diagonal) if len(component) >= least for cell in component}
            assert {(int(y), int(x)) for y, x in np.argwhere(result)} == kept


def test_bytes_are_those_of_every_machine() -> None:
    images, palette = pictures(3, 16, 16, 3), pictures(16, 3, name="palette")
    results = (
        postprocess.sharpen(images, 12),
        postprocess.otsu(images),
        postprocess.threshold(images, postprocess.otsu(images)),
        postprocess.to_palette(images, palette),
        postprocess.remove_small(masks(3, 16, 16), 4),
    )
    assert hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest() == GOLDEN
