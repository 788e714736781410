"""Metrics against loops, closed forms and sets whose figures are known."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from aigc_content.nn import metrics

Samples = metrics.Floats


def gaussian(count: int, width: int, seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal((count, width))


def integers(count: int, width: int, seed: int, top: int = 3) -> Samples:
    """Few values: many equal distances and equal rows."""
    return np.random.default_rng(seed).integers(0, top, (count, width)).astype(np.float64)


def distances(a: Samples, b: Samples) -> Samples:
    return np.array([[math.dist(x, y) for y in b] for x in a])


def reach(samples: Samples, k: int) -> Samples:
    return np.array([sorted(row)[k] for row in distances(samples, samples)])  # place 0 is the sample itself


def blocks_of(rows: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_BLOCK", rows * columns)


@pytest.fixture(params=["continuous", "many ties"])
def sets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Samples, Samples]:
    """Two sets of 60 and 60 samples, worked through in blocks of 7 rows."""
    blocks_of(7, 60, monkeypatch)
    if request.param == "continuous":
        return gaussian(60, 3, 1), 0.7 * gaussian(60, 3, 2) + 0.4
    return integers(60, 3, 1), integers(60, 3, 2)


class TestFrechet:
    @staticmethod
    def with_moments(mean: Samples, covariance: Samples, seed: int) -> Samples:
        """Samples that have exactly this mean and covariance."""
        raw = gaussian(200, len(mean), seed)
        raw -= raw.mean(axis=0)
        white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
        return white @ np.linalg.cholesky(covariance).T + mean

    def test_closed_form_of_one_dimension(self) -> None:
        a, b = gaussian(100, 1, 1), 3 * gaussian(80, 1, 2) + 5
        wanted = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
        assert metrics.frechet_distance(a, b) == pytest.approx(wanted)

    def test_closed_form_of_covariances_that_commute(self) -> None:
        turn = np.linalg.qr(gaussian(4, 4, 1))[0]
        first, second = np.array([1.0, 4.0, 9.0, 0.25]), np.array([4.0, 1.0, 9.0, 1.0])
        mean = np.array([1.0, 0.0, -2.0, 0.5])
        a = self.with_moments(mean, turn * first @ turn.T, 2)
        b = self.with_moments(np.zeros(4), turn * second @ turn.T, 3)
        wanted = mean @ mean + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
        assert metrics.frechet_distance(a, b) == pytest.approx(wanted)

    def test_equals_the_eigenvalues_of_the_product(self) -> None:
        a, b = gaussian(60, 5, 1) @ gaussian(5, 5, 2), gaussian(70, 5, 3) @ gaussian(5, 5, 4) + 1
        first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        roots = np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()
        gap = a.mean(axis=0) - b.mean(axis=0)
        wanted = gap @ gap + np.trace(first) + np.trace(second) - 2 * roots
        assert metrics.frechet_distance(a, b) == pytest.approx(wanted)

    @pytest.mark.parametrize("count", [200, 10])
    def test_a_set_is_at_no_distance_from_itself_even_when_it_is_small(self, count: int) -> None:
        a = 100 * gaussian(count, 30, 1) + 1000
        assert metrics.frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-8 * a.var())

    def test_moving_adds_the_square_of_the_way(self) -> None:
        a = gaussian(20, 30, 1)
        assert metrics.frechet_distance(a, a + 2) == pytest.approx(4 * 30)

    def test_floor_is_what_a_perfect_generator_gets(self) -> None:
        real, perfect, wrong = gaussian(600, 8, 1), gaussian(300, 8, 2), 1.3 * gaussian(300, 8, 3)
        distance, floor = metrics.frechet_with_floor(real, perfect, np.random.default_rng(0))
        assert floor > 0.05
        assert distance == pytest.approx(floor, rel=0.35)
        assert metrics.frechet_with_floor(real, wrong, np.random.default_rng(0))[0] > 3 * floor

    def test_floor_compares_sets_of_one_size(self) -> None:
        # Few samples lie far from many of the same kind, which must not be held against a generator.
        real, few = gaussian(2000, 8, 1), gaussian(40, 8, 2)
        distance, floor = metrics.frechet_with_floor(real, few, np.random.default_rng(0), 8)
        assert distance == pytest.approx(floor, rel=0.4)
        assert floor > 10 * metrics.frechet_with_floor(real, gaussian(1000, 8, 3), np.random.default_rng(0))[1]


class TestManifolds:
    @pytest.mark.parametrize("k", [1, 3, 5])
    def test_precision_and_recall_equal_the_loops(self, sets: tuple[Samples, Samples], k: int) -> None:
        real, made = sets
        cross = distances(made, real)
        near = 1e-9
        wanted = (
            (cross <= reach(real, k) + near).any(axis=1).mean(),
            (cross <= reach(made, k)[:, None] + near).any(axis=0).mean(),
        )
        assert metrics.precision_recall(real, made, k) == pytest.approx(wanted, abs=1e-12)

    @pytest.mark.parametrize("k", [1, 5])
    def test_density_and_coverage_equal_the_loops(self, sets: tuple[Samples, Samples], k: int) -> None:
        real, made = sets
        inside = distances(made, real) <= reach(real, k) + 1e-9
        wanted = inside.sum() / (k * len(made)), inside.any(axis=0).mean()
        assert metrics.density_coverage(real, made, k) == pytest.approx(wanted, abs=1e-12)

    def test_equal_distributions_have_the_density_and_coverage_of_theory(self) -> None:
        # Naeem et al. 2020, section 3.3: density 1; no ball is empty unless the k nearest of all 2 N - 1 are real.
        real, made, k = gaussian(1500, 16, 1), gaussian(1500, 16, 2), 5
        density, coverage = metrics.density_coverage(real, made, k)
        assert density == pytest.approx(1, abs=0.05)
        assert coverage == pytest.approx(1 - math.prod((1499 - i) / (2999 - i) for i in range(k)), abs=0.015)

    def test_a_generator_of_one_sort_is_precise_and_recalls_little(self) -> None:
        real = np.concatenate([gaussian(300, 4, 1), gaussian(300, 4, 2) + 20])
        precision, recall = metrics.precision_recall(real, gaussian(300, 4, 3))
        assert precision > 0.85
        assert recall < 0.5
        assert metrics.density_coverage(real, gaussian(300, 4, 3))[1] < 0.55

    def test_sets_far_from_the_origin_are_measured_alike(self) -> None:
        real, made = gaussian(100, 4, 1), gaussian(100, 4, 2)
        for measure in (metrics.precision_recall, metrics.density_coverage):
            assert measure(real + 1e6, made + 1e6) == measure(real, made)

    def test_too_few_samples_are_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 4"):
            metrics.precision_recall(gaussian(3, 2, 1), gaussian(9, 2, 1))
        with pytest.raises(ValueError, match="more than 5"):
            metrics.density_coverage(gaussian(5, 2, 1), gaussian(9, 2, 1))


class TestNovelty:
    def test_nearest_equals_the_loop(self, sets: tuple[Samples, Samples]) -> None:
        real, made = sets
        cross = distances(made, real)
        far, which = metrics.nearest(made, real)
        np.testing.assert_allclose(far, cross.min(axis=1), atol=1e-12)
        np.testing.assert_allclose(cross[np.arange(60), which], far, atol=1e-12)

    def test_nearest_leaves_the_sample_itself_out(self, sets: tuple[Samples, Samples]) -> None:
        real, _ = sets
        far, which = metrics.nearest(real, real, itself=True)
        np.testing.assert_allclose(far, reach(real, 1), atol=1e-12)
        assert not (which == np.arange(60)).any()
        assert metrics.nearest(real, real)[0].max() == 0

    def test_distance_to_a_copy_is_exactly_0(self) -> None:
        real = gaussian(50, 20, 1) / 3 + 1e4
        assert metrics.nearest(real[::2], real)[0].tolist() == [0.0] * 25

    def test_copy_rate_counts_equal_rows_only(self) -> None:
        real = gaussian(30, 4, 1)
        made = np.concatenate([real[:5], np.nextafter(real[:5], 9), gaussian(10, 4, 2)])
        assert metrics.copy_rate(made, real) == 5 / 20
        assert metrics.copy_rate(np.array([[-0.0]]), np.array([[0.0]])) == 1

    def test_copy_rate_takes_pictures(self) -> None:
        images = np.random.default_rng(1).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
        changed = images.copy()
        changed[:15, 0, 0, 0] += 1
        assert metrics.copy_rate(changed, images) == 5 / 20


class TestTwoSamples:
    def test_equals_the_loop(self, sets: tuple[Samples, Samples]) -> None:
        real, made = sets
        scores = []
        for own, other in ((real, made), (made, real)):
            for place, sample in enumerate(own):
                within = min(math.dist(sample, row) for at, row in enumerate(own) if at != place)
                across = min(math.dist(sample, row) for row in other)
                scores.append(0.5 if abs(within - across) < 1e-12 else float(within < across))
        assert metrics.nearest_neighbor_accuracy(real, made) == pytest.approx(np.mean(scores))

    def test_tells_apart_distant_sets_copies_and_equal_distributions(self) -> None:
        real = gaussian(500, 8, 1)
        assert metrics.nearest_neighbor_accuracy(real, real + 30) == 1
        assert metrics.nearest_neighbor_accuracy(real, real[::-1]) == 0
        assert metrics.nearest_neighbor_accuracy(real, gaussian(500, 8, 2)) == pytest.approx(0.5, abs=0.06)

    def test_sets_of_different_size_are_refused(self) -> None:
        with pytest.raises(ValueError, match="as many of each"):
            metrics.nearest_neighbor_accuracy(gaussian(5, 2, 1), gaussian(6, 2, 1))


class TestClassification:
    LABELS = np.array([0, 0, 0, 1, 1, 3])
    PREDICTED = np.array([0, 0, 1, 1, 3, 3])

    def test_confusion_counts_pairs(self) -> None:
        table = metrics.confusion(self.LABELS, self.PREDICTED, 4)
        assert table.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]]
        assert metrics.accuracy(table) == 4 / 6
        assert metrics.balanced_accuracy(table) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)

    def test_labels_are_not_cut_off_by_a_narrow_type(self) -> None:
        labels = np.arange(200, dtype=np.uint8)
        assert metrics.accuracy(metrics.confusion(labels, labels, 200)) == 1

    def test_nothing_has_no_accuracy(self) -> None:
        empty = metrics.confusion(self.LABELS[:0], self.PREDICTED[:0], 4)
        assert math.isnan(metrics.accuracy(empty))
        assert math.isnan(metrics.balanced_accuracy(empty))

    @pytest.mark.parametrize("bad", [4, -1])
    def test_a_label_out_of_range_is_refused(self, bad: int) -> None:
        with pytest.raises(ValueError, match="0 to 3"):
            metrics.confusion(self.LABELS, np.array([0, 0, 1, 1, 3, bad]), 4)

    @pytest.mark.parametrize(("hits", "trials"), [(0, 10), (7, 10), (10, 10), (493, 500)])
    def test_wilson_interval_ends_where_the_score_test_turns(self, hits: int, trials: int) -> None:
        low, high = metrics.wilson_interval(hits, trials)
        for end in {low, high} - {0.0, 1.0}:
            score = abs(hits / trials - end) / math.sqrt(end * (1 - end) / trials)
            assert score == pytest.approx(1.96)
        assert 0 <= low <= hits / trials <= high <= 1


MEASURES: list[Callable[[Samples, Samples], object]] = [
    metrics.frechet_distance,
    metrics.precision_recall,
    metrics.density_coverage,
    metrics.nearest,
    metrics.nearest_neighbor_accuracy,
]


@pytest.mark.parametrize("measure", MEASURES)
def test_features_that_cannot_be_compared_are_refused(measure: Callable[[Samples, Samples], object]) -> None:
    good, broken = gaussian(20, 3, 1), gaussian(20, 3, 2)
    broken[4, 1] = np.nan
    for other in (gaussian(20, 4, 2), gaussian(20, 3, 2)[:, :, None], gaussian(0, 3, 2), broken):
        with pytest.raises(ValueError, match=r"features|samples|finite"):
            measure(good, other)


@pytest.mark.parametrize("measure", MEASURES)
def test_bytes_are_measured_as_numbers(measure: Callable[[Samples, Samples], object]) -> None:
    a, b = integers(40, 6, 1, 256), integers(40, 6, 2, 256)
    found = measure(a.astype(np.uint8), b.astype(np.uint8))  # type: ignore[arg-type]
    assert str(found) == str(measure(a, b))


def test_pictures_and_metrics_need_no_torch() -> None:
    modules = "aigc_content.nn.preprocess, aigc_content.nn.postprocess, aigc_content.nn.metrics"
    subprocess.run([sys.executable, "-c", f"import sys, {modules}; assert 'torch' not in sys.modules"], check=True)
