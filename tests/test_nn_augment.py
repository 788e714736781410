"""Augmentations against loops over pixels, exact cases, and the promises: range, seed, another draw a picture."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from aigc_content.nn import augment


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(*shape: int) -> Tensor:
    return torch.rand(shape or (6, 3, 8, 10), generator=seeded(2), dtype=torch.float64)


def slow_affine(image: Tensor, matrix: Tensor, mode: str, padding: str) -> Tensor:
    """One (C, H, W) picture, pixel by pixel."""
    height, width = image.shape[1:]

    def at(y: int, x: int) -> Tensor:
        inside = 0 <= y < height and 0 <= x < width
        if padding == "zeros" and not inside:
            return torch.zeros_like(image[:, 0, 0])
        return image[:, min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    result = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            offset = torch.tensor([column + 0.5 - width / 2, row + 0.5 - height / 2], dtype=image.dtype)
            x, y = (matrix @ offset + torch.tensor([width / 2 - 0.5, height / 2 - 0.5])).tolist()
            if mode == "nearest":
                result[:, row, column] = at(round(y), round(x))
                continue
            if padding == "border":
                x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
            left, top = math.floor(x), math.floor(y)
            for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
                weight = (1 - abs(y - top - dy)) * (1 - abs(x - left - dx))
                result[:, row, column] += weight * at(top + dy, left + dx)
    return result


class TestAffine:
    @pytest.mark.parametrize("mode", ["bilinear", "nearest"])
    @pytest.mark.parametrize("padding", ["zeros", "border"])
    def test_equals_the_loop_over_pixels(self, mode: augment.Mode, padding: augment.Padding) -> None:
        images = pictures(3, 2, 5, 7)
        matrices = torch.eye(2, dtype=torch.float64) + 0.4 * torch.randn(
            (3, 2, 2), generator=seeded(), dtype=torch.float64
        )
        found = augment.affine(images, matrices, mode, padding)
        wanted = [slow_affine(image, matrix, mode, padding) for image, matrix in zip(images, matrices, strict=True)]
        torch.testing.assert_close(found, torch.stack(wanted))

    def test_a_quarter_turn_moves_pixels_exactly(self) -> None:
        images = pictures(2, 3, 6, 6)
        quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]]).expand(2, 2, 2)
        torch.testing.assert_close(augment.affine(images, quarter), torch.rot90(images, 1, (2, 3)))

    def test_rotation_keeps_lengths_in_pictures_that_are_not_square(self) -> None:
        y, x = torch.meshgrid(torch.arange(40.0) - 19.5, torch.arange(60.0) - 29.5, indexing="ij")
        disc = (x**2 + y**2 < 100).float().expand(5, 1, 40, 60)
        turned = augment.rotate(disc, 180, seeded())
        assert (turned - disc).abs().mean() < 0.01

    def test_rotation_turns_by_up_to_its_angle(self) -> None:
        y, x = torch.meshgrid(torch.arange(41.0) - 20, torch.arange(41.0) - 20, indexing="ij")
        bar = ((y.abs() < 2) & (x > 4)).double().expand(400, 1, 41, 41)
        turned = augment.rotate(bar, 30, seeded())
        mass = turned.sum(dim=(1, 2, 3))
        angle = torch.atan2((turned * y).sum(dim=(1, 2, 3)) / mass, (turned * x).sum(dim=(1, 2, 3)) / mass)
        degrees = angle * 180 / math.pi
        assert -30.5 < degrees.min() < -28
        assert 28 < degrees.max() < 30.5
        assert abs(degrees.mean()) < 3

    def test_scaling_multiplies_the_area(self) -> None:
        square = torch.zeros(300, 1, 40, 40, dtype=torch.float64)
        square[:, :, 12:28, 12:28] = 1
        factors = (augment.scale(square, 0.5, 2, seeded()).sum(dim=(1, 2, 3)) / 256).sqrt()
        assert 0.49 < factors.min() < 0.55
        assert 1.85 < factors.max() < 2.01
        assert abs(factors.log().mean()) < 0.1

    def test_shearing_slides_rows_and_keeps_each(self) -> None:
        column = torch.zeros(200, 1, 21, 41, dtype=torch.float64)
        column[:, :, :, 20] = 1
        sheared = augment.shear(column, 40, seeded())
        torch.testing.assert_close(sheared.sum(dim=3), column.sum(dim=3))
        places = (sheared * torch.arange(41)).sum(dim=3)[:, 0]  # (B, 21): where each row's column went
        steps = places.diff(dim=1)
        torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
        assert math.tan(math.radians(38)) < steps.abs().max() <= math.tan(math.radians(40)) + 1e-9

    def test_nearest_invents_no_color(self) -> None:
        images = (pictures() > 0.5).double()
        for found in (
            augment.rotate(images, 45, seeded(), "nearest"),
            augment.scale(images, 0.5, 2, seeded(), "nearest", "border"),
            augment.shear(images, 30, seeded(), "nearest"),
        ):
            assert set(found.unique().tolist()) <= {0.0, 1.0}


class TestWindows:
    @pytest.mark.parametrize("padding", ["zeros", "border"])
    def test_shift_moves_whole_pixels_within_its_reach(self, padding: augment.Padding) -> None:
        images = pictures(60, 2, 5, 6) + 0.01
        found = augment.shift(images, 2, seeded(), padding)
        mode = {"zeros": "constant", "border": "replicate"}[padding]
        framed = torch.nn.functional.pad(images, (2, 2, 2, 2), mode=mode)
        places = set()
        for one, frame in zip(found, framed, strict=True):
            fits = [(y, x) for y in range(5) for x in range(5) if torch.equal(frame[:, y : y + 5, x : x + 6], one)]
            assert len(fits) == 1
            places.add(fits[0])
        assert {y for y, _ in places} == {x for _, x in places} == set(range(5))

    def test_crop_takes_every_part(self) -> None:
        images = pictures(80, 2, 5, 6)
        found = augment.crop(images, 3, 5, seeded())
        assert found.shape == (80, 2, 3, 5)
        places = set()
        for one, image in zip(found, images, strict=True):
            places |= {(y, x) for y in range(3) for x in range(2) if torch.equal(image[:, y : y + 3, x : x + 5], one)}
        assert places == {(y, x) for y in range(3) for x in range(2)}

    def test_crop_of_the_whole_is_the_picture(self) -> None:
        images = pictures()
        assert torch.equal(augment.crop(images, 8, 10, seeded()), images)

    def test_crop_refuses_a_part_larger_than_the_picture(self) -> None:
        with pytest.raises(ValueError, match="9x4"):
            augment.crop(pictures(), 9, 4, seeded())


class TestColor:
    def test_brightness_adds_one_value(self) -> None:
        images = 0.4 + 0.2 * pictures(200, 3, 4, 4)
        offsets = (augment.brightness(images, 0.3, seeded()) - images).flatten(1)
        torch.testing.assert_close(offsets, offsets[:, :1].expand_as(offsets))
        assert -0.3 <= offsets.min() < -0.28
        assert 0.28 < offsets.max() <= 0.3

    def test_contrast_keeps_the_mean_and_scales_the_deviation(self) -> None:
        images = 0.4 + 0.2 * pictures(200, 3, 4, 4)
        found = augment.contrast(images, 0.5, seeded())
        torch.testing.assert_close(found.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)))
        factors = found.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
        assert 0.5 <= factors.min() < 0.55
        assert 1.45 < factors.max() <= 1.5

    def test_saturation_scales_colors_about_gray(self) -> None:
        images = 0.4 + 0.2 * pictures(200, 3, 4, 4)
        found = augment.saturation(images, 0.5, seeded())
        torch.testing.assert_close(found.mean(dim=1), images.mean(dim=1))
        factors = found.std(dim=1) / images.std(dim=1)
        torch.testing.assert_close(factors, factors[:, :1, :1].expand_as(factors))
        gray = pictures(4, 1, 5, 5)
        torch.testing.assert_close(augment.saturation(gray, 0.5, seeded()), gray)

    def test_noise_has_its_deviation(self) -> None:
        images = torch.full((4, 3, 50, 50), 0.5)
        found = augment.noise(images, 0.05, seeded())
        assert float((found - images).std()) == pytest.approx(0.05, rel=0.02)
        assert float(found.mean()) == pytest.approx(0.5, abs=0.001)


class TestDiffAugment:
    def test_an_empty_policy_changes_nothing(self) -> None:
        images = pictures()
        assert torch.equal(augment.diff_augment(images, (), seeded()), images)

    def test_an_unknown_name_is_refused_with_those_that_exist(self) -> None:
        with pytest.raises(ValueError, match=r"'color'.*brightness, saturation"):
            augment.diff_augment(pictures(), ("cutout", "color"), seeded())  # type: ignore[arg-type]

    def test_color_changes_have_the_sizes_of_the_paper(self) -> None:
        images = pictures(400, 3, 4, 4)
        offsets = (augment.diff_augment(images, ("brightness",), seeded()) - images).flatten(1)
        torch.testing.assert_close(offsets, offsets[:, :1].expand_as(offsets))
        assert -0.25 <= offsets.min() < -0.24
        assert 0.24 < offsets.max() <= 0.25
        for name, axes, low, high in (("saturation", (1,), 0, 2), ("contrast", (1, 2, 3), 0.5, 1.5)):
            found = augment.diff_augment(images, (name,), seeded())  # type: ignore[arg-type]
            torch.testing.assert_close(found.mean(dim=axes), images.mean(dim=axes))
            factors = found.std(dim=axes) / images.std(dim=axes)
            assert low <= factors.min() < low + 0.03
            assert high - 0.03 < factors.max() <= high + 1e-9

    def test_translation_moves_by_up_to_an_eighth(self) -> None:
        images = pictures(60, 1, 16, 24) + 0.01
        found = augment.diff_augment(images, ("translation",), seeded())
        empty_rows = (found == 0).all(dim=3).sum(dim=2)
        empty_columns = (found == 0).all(dim=2).sum(dim=2)
        assert int(empty_rows.max()) == 2
        assert int(empty_columns.max()) == 3

    @pytest.mark.parametrize("side", [7, 8])
    def test_cutout_empties_a_square_of_half_a_side(self, side: int) -> None:
        found = augment.diff_augment(torch.ones(300, 2, side, side), ("cutout",), seeded())
        assert torch.equal(found[:, 0], found[:, 1])
        holes = found[:, 0] == 0
        heights, widths = holes.any(dim=2).sum(dim=1), holes.any(dim=1).sum(dim=1)
        assert torch.equal(holes.sum(dim=(1, 2)), heights * widths)
        assert int(heights.max()) == int(widths.max()) == (side + 1) // 2
        assert int(heights.min()) == int(widths.min()) == 2
        assert bool(holes.any(dim=0).all())

    def test_gradients_pass_through_all_of_it(self) -> None:
        images = pictures(2, 3, 4, 5).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: augment.diff_augment(x, augment.POLICY, seeded()), images)


CHANGES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "rotate": lambda x, g: augment.rotate(x, 30, g),
    "scale": lambda x, g: augment.scale(x, 0.7, 1.4, g),
    "shear": lambda x, g: augment.shear(x, 20, g),
    "shift": lambda x, g: augment.shift(x, 3, g),
    "crop": lambda x, g: augment.crop(x, 4, 4, g),
    "noise": lambda x, g: augment.noise(x, 0.5, g),
    "brightness": lambda x, g: augment.brightness(x, 0.8, g),
    "contrast": lambda x, g: augment.contrast(x, 0.9, g),
    "saturation": lambda x, g: augment.saturation(x, 0.9, g),
}


@pytest.mark.parametrize("name", CHANGES)
def test_range_seed_and_a_draw_for_each_picture(name: str) -> None:
    change, images = CHANGES[name], pictures(1, 3, 8, 10).float().expand(6, 3, 8, 10)
    before, state = images.clone(), torch.get_rng_state()
    found = change(images, seeded())
    assert -1e-6 <= found.min() <= found.max() <= 1 + 1e-6
    assert found.dtype == torch.float32
    assert torch.equal(found, change(images, seeded()))
    assert len({one.numpy().tobytes() for one in found}) > 3
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
