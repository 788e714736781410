"""Pictures to numbers and back: exact, and equal to the definitions written out."""

from __future__ import annotations

import hashlib
import itertools
import statistics
from fractions import Fraction

import numpy as np
import pytest

from aigc_content.nn import preprocess
from aigc_content.rng import Stream

GOLDEN = "c4b0ed8cb93f3ee4302f3e7ed3bf3e82fc30f546c786fabab9f4ab1cfc4a0361"


def pictures(*shape: int, name: str = "pictures") -> preprocess.Pixels:
    return Stream(name).integers(256, int(np.prod(shape))).reshape(shape).astype(np.uint8)


class TestStandardize:
    def test_statistics_are_the_exact_ones_rounded_once(self) -> None:
        images = pictures(2, 3, 4, 3)
        mean, deviation = preprocess.channel_statistics(images)
        for channel in range(3):
            values = [Fraction(int(value)) for value in images[..., channel].ravel()]
            assert mean[channel] == float(statistics.mean(values))
            assert deviation[channel] == pytest.approx(statistics.pstdev(values), rel=1e-15)

    def test_statistics_do_not_depend_on_the_order(self) -> None:
        images = pictures(40, 16, 16, 3)
        for found, again in zip(
            preprocess.channel_statistics(images), preprocess.channel_statistics(images[::-1]), strict=True
        ):
            assert found.tobytes() == again.tobytes()

    def test_standardized_pictures_have_mean_0_and_deviation_1(self) -> None:
        images = pictures(20, 16, 16, 3)
        values = preprocess.standardize(images, *preprocess.channel_statistics(images))
        assert values.dtype == np.float32
        np.testing.assert_allclose(values.mean(axis=(0, 1, 2), dtype=np.float64), 0, atol=1e-6)
        np.testing.assert_allclose(values.std(axis=(0, 1, 2), dtype=np.float64), 1, atol=1e-6)

    def test_destandardize_gives_every_pixel_back(self) -> None:
        images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
        for deviation in (0.3, 1.0, 74.2, 255.0):
            statistic = np.array([127.7]), np.array([deviation])
            assert np.array_equal(
                preprocess.destandardize(preprocess.standardize(images, *statistic), *statistic), images
            )

    def test_a_channel_that_never_changes_is_refused(self) -> None:
        images = np.full((2, 4, 4, 1), 9, dtype=np.uint8)
        mean, deviation = preprocess.channel_statistics(images)
        assert (mean.tolist(), deviation.tolist()) == ([9.0], [0.0])
        with pytest.raises(ValueError, match="not above 0"):
            preprocess.standardize(images, mean, deviation)

    def test_no_pixels_are_refused(self) -> None:
        with pytest.raises(ValueError, match="no pixels"):
            preprocess.channel_statistics(np.zeros((0, 4, 4, 3), dtype=np.uint8))


class TestNormalize:
    def test_every_pixel_comes_back(self) -> None:
        images = np.arange(256, dtype=np.uint8)
        values = preprocess.normalize(images)
        assert values.dtype == np.float32
        assert (values[0], values[255]) == (0, 1)
        assert [float(value) for value in values] == [float(np.float32(i / 255)) for i in range(256)]
        assert np.array_equal(preprocess.denormalize(values), images)

    def test_values_are_rounded_half_to_even_and_clamped(self) -> None:
        values = np.array([-0.5, 0.0, 0.5, 1.0, 1.5], dtype=np.float32)
        assert preprocess.denormalize(values).tolist() == [0, 0, 128, 255, 255]

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_not_finite_is_refused(self, value: float) -> None:
        broken = np.array([[0.5, value]], dtype=np.float32)
        with pytest.raises(ValueError, match="not finite"):
            preprocess.denormalize(broken)
        with pytest.raises(ValueError, match="not finite"):
            preprocess.destandardize(broken, np.zeros(2), np.ones(2))


class TestDenoise:
    def test_equals_the_median_of_nine(self) -> None:
        images = pictures(2, 6, 5, 3) >> 4  # few values: many ties
        found = preprocess.denoise(images)
        for b, y, x, c in itertools.product(range(2), range(6), range(5), range(3)):
            around = [
                images[b, min(max(y + dy, 0), 5), min(max(x + dx, 0), 4), c] for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            ]
            assert found[b, y, x, c] == statistics.median(around)

    def test_every_order_of_zeros_and_ones_gives_the_majority(self) -> None:
        # The 0-1 principle: a network of minima and maxima that is right for these is right for all values.
        windows = np.array(list(itertools.product((0, 1), repeat=9)), dtype=np.uint8).reshape(512, 3, 3, 1)
        found = preprocess.denoise(windows)[:, 1, 1, 0]
        assert np.array_equal(found, windows.reshape(512, 9).sum(axis=1) >= 5)

    def test_a_wrong_pixel_goes_and_an_edge_stays(self) -> None:
        image = np.zeros((1, 8, 8, 1), dtype=np.uint8)
        image[:, :, 4:] = 200
        spoiled = image.copy()
        spoiled[0, 2, 2], spoiled[0, 5, 6] = 255, 0
        assert np.array_equal(preprocess.denoise(spoiled), image)


def test_bytes_are_those_of_every_machine() -> None:
    images = pictures(3, 16, 16, 3)
    mean, deviation = preprocess.channel_statistics(images)
    values = preprocess.standardize(images, mean, deviation)
    results = (mean, deviation, values, preprocess.normalize(images), preprocess.denoise(images))
    assert hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest() == GOLDEN
