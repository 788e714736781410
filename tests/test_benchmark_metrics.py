"""The benchmarks' own measures, on cases small enough to know the answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import independent
import level_metrics as lm
import nearest
import paired
import patterns
import picture
import recipes
import settings
from aigc_levels import model as m
from aigc_levels.draw import PART, Canvas
from aigc_levels.generator import Levels

from aigc_content import Stream
from aigc_content.models import resolve

SOUND = """\
##########
#<..+...k#
#...######
#.e.#$$..#
#...D...>#
##########
"""
SIZE = {"width": 10, "height": 6}


def random_grids(count: int, height: int = 20, width: int = 16, seed: int = 3) -> list[lm.Grid]:
    rng = np.random.default_rng(seed)
    return [rng.integers(1, len(lm.TILES), (height, width), dtype=np.uint8) for _ in range(count)]


def faults(text: str, **params: object) -> str:
    return "; ".join(independent.check(text, {**SIZE, **params}).faults)


def overlaps(level: lm.Grid, item: lm.Grid) -> list[float]:
    """Share of differing cells at every placement that counts, one cell after the other."""
    height, width = level.shape
    shares = [1.0]
    for image in lm.symmetries(item):
        down, right = image.shape[0] - height, image.shape[1] - width
        for top in range(min(0, down), max(0, down) + 1):
            for left in range(min(0, right), max(0, right) + 1):
                laid = np.zeros_like(level)
                for y in range(max(0, -top), min(height, image.shape[0] - top)):
                    for x in range(max(0, -left), min(width, image.shape[1] - left)):
                        laid[y, x] = image[y + top, x + left]
                both = (level != lm.VOID) & (laid != lm.VOID)
                if both.sum() >= max(1, nearest.LEAST_COMPARED * (level != lm.VOID).sum()):
                    shares.append(float((level != laid)[both].sum() / both.sum()))
    return shares


class TestIndependentCheck:
    def test_a_sound_level_passes_with_its_shortest_way(self) -> None:
        found = independent.check(SOUND, {**SIZE, "min": {"enemy": 1, "key": 1}, "max": {"loot": 2}})
        assert (found.faults, found.winnable) == ((), True)
        assert found.path == 20  # seven to the key, five back, three down, five through the lock

    def test_a_sealed_exit_is_refused(self) -> None:
        sealed = SOUND.replace("#...D...>#", "#...#...>#")
        assert "no way leads" in faults(sealed)
        assert not independent.check(sealed, SIZE).winnable

    def test_a_missing_key_is_refused(self) -> None:
        assert "no way leads" in faults(SOUND.replace("k", "."))

    def test_a_key_behind_its_own_lock_is_refused(self) -> None:
        assert "no way leads" in faults(SOUND.replace("k", ".").replace("$$", "k$"))

    def test_a_wrong_count_is_refused(self) -> None:
        assert "1 of enemy, at least 2" in faults(SOUND, min={"enemy": 2})
        assert "2 of loot, at most 1" in faults(SOUND, max={"loot": 1})
        assert "1 of locked_door, at most 0" in faults(SOUND, max={"locked_door": 0})
        assert faults(SOUND, min={"door": 1}, max={"door": 1}) == ""

    def test_a_way_of_the_wrong_length_is_refused(self) -> None:
        assert "20 steps, asked are 30" in faults(SOUND, path_length={"min": 30})
        assert "20 steps, asked are 1 to 18" in faults(SOUND, path_length={"max": 18})

    def test_a_cut_off_part_is_refused_unless_less_is_asked(self) -> None:
        cut = SOUND.replace("#<..+...k#", "#<.k#..$.#")
        assert "'$' at line 2, column 8 cannot be reached" in faults(cut)
        assert "cannot be reached" not in faults(cut.replace("..$.", "...."), min_reachable=0.5)
        assert "cells can be reached" in faults(cut.replace("..$.", "...."))

    def test_traps_and_water_are_walls(self) -> None:
        for char in "^~ ":
            assert "no way leads" in faults(SOUND.replace("D", char))

    def test_shape_and_characters_are_checked(self) -> None:
        assert "10 x 7" in faults(SOUND, height=7)
        assert "'x'" in faults(SOUND.replace("e", "x"))
        assert "2 starts" in faults(SOUND.replace("e", "<"))

    def test_moves_are_replayed_on_the_text(self) -> None:
        rows = SOUND.splitlines()
        won = "E" * 7 + "W" * 5 + "S" * 3 + "E" * 5
        assert independent._replay(rows, won) == ""
        assert "lock without a key" in independent._replay(rows, "SSSEEEE")
        assert "blocked" in independent._replay(rows, "N")
        assert "does not end on an exit" in independent._replay(rows, won[:-1])


class TestNovelty:
    def test_duplicates_are_found_under_every_turn_and_reflection(self) -> None:
        one, other = random_grids(2)
        assert lm.duplicates([one, other]) == 0
        for image in lm.symmetries(one):
            assert lm.duplicates([one, other, image]) == 1

    @pytest.mark.parametrize("turn", range(8))
    def test_a_copy_has_no_novelty(self, turn: int) -> None:
        level, other = random_grids(2)
        found = nearest.nearest([level], [other, lm.symmetries(level)[turn]])
        assert (found.far[0], found.which[0]) == (0.0, 1)

    def test_a_level_cut_from_a_larger_map_is_a_copy(self) -> None:
        large = random_grids(1, 30, 40)[0]
        assert nearest.nearest([np.rot90(large[4:24, 9:25])], [large]).far[0] == 0

    def test_a_smaller_map_inside_a_level_is_a_copy_if_it_is_half_of_it(self) -> None:
        level = random_grids(1)[0]
        assert nearest.nearest([level], [level[3:17, 2:15]]).far[0] == 0
        assert nearest.nearest([level], [level[3:9, 2:9]]).which[0] == -1

    def test_the_share_counts_differing_cells_and_leaves_void_out(self) -> None:
        one = np.full((20, 16), lm.WALL, dtype=np.uint8)
        two = one.copy()
        two[:, :4] = 2
        assert nearest.nearest([one], [two]).far[0] == 0.25
        one[10:], two[:, 8:] = lm.VOID, lm.VOID
        assert nearest.nearest([one], [two]).far[0] == 0.5  # 10 rows of 8 compared, the left 4 differ

    def test_a_level_is_not_its_own_neighbor(self) -> None:
        levels = random_grids(3)
        assert nearest.nearest(levels, levels, itself=True).far.min() > 0.5
        assert nearest.nearest([*levels, levels[0][::-1]], [*levels, levels[0][::-1]], itself=True).far[0] == 0

    def test_the_nearest_is_that_of_trying_all_placements(self) -> None:
        rng = np.random.default_rng(4)
        sizes = [(9, 12), (12, 9), (8, 8), (20, 31), (14, 64), (11, 10)]
        maps = [rng.choice([0, 1, 1, 2, 2, 5, 9], size).astype(np.uint8) for size in sizes]
        levels = [rng.choice([0, 1, 1, 2, 2, 3, 8], size).astype(np.uint8) for size in ((10, 11), (9, 12), (13, 8))]
        far = [min(share for item in maps for share in overlaps(level, item)) for level in levels]
        found = nearest.nearest(levels, maps)
        assert found.far.tolist() == far
        for level, index, least in zip(levels, found.which, far, strict=True):
            assert min(overlaps(level, maps[index])) == least

    def test_copied_windows_are_found_in_every_symmetry(self) -> None:
        one, other = random_grids(2)
        known = lm.known_windows([one])
        assert lm.copied_share([np.rot90(one)[:, ::-1]], known) == 1
        assert lm.copied_share([other], known) == 0
        half = other.copy()
        half[:10] = one[:10]
        assert 0 < lm.copied_share([half], known) < 0.5

    def test_pairwise_is_the_mean_share_of_differing_cells(self) -> None:
        one, two, three = random_grids(3)
        expected = np.mean([(a != b).mean() for a, b in ((one, two), (one, three), (two, three))])
        assert lm.pairwise([one, two, three]) == pytest.approx(expected)


class TestPatterns:
    @pytest.mark.parametrize("n", [2, 3])
    def test_a_set_has_no_divergence_from_itself(self, n: int) -> None:
        codes = np.concatenate([patterns.windows(grid, n) for grid in random_grids(5)])
        assert patterns.divergence(codes, codes[::-1]) == 0

    def test_divergence_is_that_of_the_formula(self) -> None:
        reference, other = np.array([1, 1, 1, 2]), np.array([1, 1, 2, 2])
        expected = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
        assert patterns.divergence(reference, other) == pytest.approx(expected, abs=1e-5)
        missing = patterns.divergence(reference, np.array([1, 1, 1, 3]))
        assert missing == pytest.approx(0.25 * np.log(1 / 1e-7), abs=1e-4)

    def test_unequal_numbers_of_windows_are_refused(self) -> None:
        with pytest.raises(ValueError, match="equal numbers"):
            patterns.divergence(np.array([1, 2]), np.array([1]))

    def test_windows_tell_every_arrangement_apart(self) -> None:
        grid = np.array([[1, 2, 1], [3, 1, 2], [1, 2, 1]], dtype=np.uint8)
        assert len(patterns.windows(grid, 2)) == 4
        assert len(set(patterns.windows(grid, 2).tolist())) == 4
        assert len(patterns.windows(grid[:2], 3)) == 0

    def test_real_maps_are_nearest_and_noise_is_farthest(self) -> None:
        rng = np.random.default_rng(5)
        rooms = [np.full((14, 14), lm.WALL, dtype=np.uint8) for _ in range(40)]
        for grid in rooms:
            for top, left, height, width in rng.integers((1, 1, 2, 2), (8, 8, 6, 6), (3, 4)):
                grid[top : top + height, left : left + width] = 2
        chain = patterns.Chain(rooms[:20], "left, upper, corner")
        others = {
            "others": rooms[:20],
            "chain": [chain.draw(grid.shape, rng) for grid in rooms[20:]],
            "shuffled": patterns.shuffled(rooms[20:], rng),
            "uniform": patterns.uniform(rooms[20:], rng),
        }
        for n in (2, 3):
            found = patterns.scores(rooms[20:], others, n, seed=1, halvings=5)
            assert found[patterns.FLOOR].excess == 0
            excess = [found[name].excess for name in others]
            assert excess == sorted(excess)

    def test_a_chain_draws_what_it_learned(self) -> None:
        stripes = np.tile(np.array([[1], [2], [3]], dtype=np.uint8), (4, 10))
        for name in patterns.CONTEXTS:
            drawn = patterns.Chain([stripes], name).draw((12, 10), np.random.default_rng(1))
            assert (drawn == stripes).all()


class TestPairedDrawings:
    HEAD = {"recipe": {"seed": 1}, "models": ["abc"]}
    PART = {"part": [0, 65], "pairs": [[True, False, True, True]] * 2}

    def test_parts_are_kept_and_a_line_cut_short_is_left_out(self, tmp_path: Path) -> None:
        keep = tmp_path / "pairs.jsonl"
        assert paired._kept(keep, self.HEAD) == {}
        paired._add(keep, self.PART)
        with keep.open("a") as stream:
            stream.write('{"part": [1, ')
        found = paired._kept(keep, self.HEAD)
        assert found == {(0, 65): [(True, False, True, True)] * 2}
        paired._add(keep, {**self.PART, "part": [1, 1]})
        assert list(paired._kept(keep, self.HEAD)) == [(0, 65), (1, 1)]

    def test_drawings_of_another_model_are_refused(self, tmp_path: Path) -> None:
        paired._kept(tmp_path / "pairs.jsonl", self.HEAD)
        with pytest.raises(ValueError, match="another recipe or model"):
            paired._kept(tmp_path / "pairs.jsonl", {**self.HEAD, "models": ["def"]})

    def test_the_table_tells_the_mean_difference_and_its_error(self) -> None:
        text = paired.draw_table([(True, True, True, True), (False, True, True, True)] * 8)
        assert "| all that was asked | 50.0 % (8 of 16) | 100.0 % (16 of 16) | -50.00 ± 12.91 points |" in text
        assert "+0.00 ± 0.00 points" in text

    @pytest.mark.skipif(os.name != "posix", reason="kills by signal")
    def test_a_worker_ends_with_its_parent(self) -> None:
        code = (
            "import multiprocessing, os, paired, time\n"
            "from concurrent.futures import ProcessPoolExecutor\n"
            "context = multiprocessing.get_context('spawn')\n"
            "pool = ProcessPoolExecutor(1, mp_context=context, initializer=paired._end_with_parent)\n"
            "print(pool.submit(os.getpid).result(), flush=True)\n"
            "pool.submit(time.sleep, 60).result()\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            worker = int(parent.stdout.readline())
            parent.kill()
            try:
                parent.communicate(timeout=20)  # until nobody holds the pipe, which the worker has inherited
            except subprocess.TimeoutExpired:
                os.kill(worker, signal.SIGKILL)
                raise


def test_held_out_areas_are_tuned_by_or_tested_on_and_never_both(tmp_path: Path) -> None:
    held = [f"area-{number}" for number in range(12)]
    areas = {"learned": "train", **dict.fromkeys(held, "held-out")}
    maps = [{"path": f"{area}.txt", "area": area, "split": split} for area, split in areas.items()]
    (tmp_path / "dataset.json").write_text(json.dumps({"source": "own", "maps": maps}))
    for area in areas:
        (tmp_path / f"{area}.txt").write_text("###\n#.#\n###\n")
    sides = {side: {item.name for item in lm.load_maps([tmp_path], side)} for side in ("train", "tune", "test")}
    assert sides["train"] == {"own/learned.txt"}
    assert sides["tune"] | sides["test"] == {f"own/{area}.txt" for area in held}
    assert sides["tune"] & sides["test"] == set()
    assert all(sides.values())


def test_one_piece_is_what_can_be_walked() -> None:
    whole = lm.parse("######\n#.+e.#\n######")
    assert settings.in_one_piece(whole)
    for char in "~^# ":
        assert not settings.in_one_piece(lm.parse(f"######\n#.{char}e.#\n######"))


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_draws_all_that_is_hidden_and_nothing_else(setting: settings.Setting) -> None:
    folder = resolve(Levels.models["dungeon"]).path
    structure = np.full((12, 16), m.STRUCTURE_MASK, dtype=np.uint8)
    structure[:, :4] = m.WATER
    told = np.array([m.untold(name) for name in m.NAMES])
    for name, value in {"rows": 3, "columns": 4}.items():
        told[m.INDEX[name]] = value
    canvas = Canvas(structure, np.full((12, 16), m.OBJECT_MASK, dtype=np.uint8), told, Stream("settings"))
    setting.network(folder, setting.schedule).draw_structure([canvas], PART)
    assert (structure[:, :4] == m.WATER).all()
    assert (structure < len(m.STRUCTURES)).all()
    assert len(np.unique(structure[:, 4:])) > 1


def test_text_becomes_codes_with_start_as_exit_and_lock_as_door() -> None:
    grid = lm.parse("#<D\n +>\n")
    assert "".join(lm.TILES[code] for code in grid.ravel()) == "#>+ +>"
    with pytest.raises(ValueError, match="width"):
        lm.parse("##\n#")


def test_recipes_share_out_their_levels() -> None:
    jobs = recipes.asked(1003, 1)["jobs"]
    assert sum(job["count"] for job in jobs) == 1003
    assert len(jobs) == len(recipes.JOBS)
    sizes = recipes.sized([(8, 9), (8, 9), (9, 8)], 1)["jobs"]
    assert {(job["params"]["height"], job["params"]["width"]): job["count"] for job in sizes} == {
        (8, 9): 2,
        (9, 8): 1,
    }


def test_the_independent_check_knows_every_name_of_the_recipes() -> None:
    for params in recipes.JOBS.values():
        for side in ("min", "max"):
            assert set(params.get(side, {})) <= set(independent.MEANING)


def test_a_histogram_is_drawn(tmp_path: Path) -> None:
    values = np.array([(0.1, 0.2), (0.5, 0.5), (9.0, 9.0)])
    picture.draw([picture.Panel("title", "x", "y", values, (0, 1, 0, 1))] * 3, 2, tmp_path / "range.png")
    assert (tmp_path / "range.png").read_bytes().startswith(b"\x89PNG")


def test_the_float_twin_is_the_integer_network_without_rounding() -> None:
    torch = pytest.importorskip("torch")
    from floatnet import FloatUNet

    from aigc_content.nn.unet import UNet, UNetConfig
    from aigc_content.nn.unet_train import UNet as Trained

    torch.manual_seed(0)
    config = UNetConfig(planes=(3, 4), conditions=(5, 2), outputs=6, channels=(16, 16), down=((1,), (2,)), up=((1,),))
    tensors = Trained(config).export()
    rng = np.random.default_rng(0)
    planes = np.stack([rng.integers(0, size, (2, 12, 8)) for size in config.planes], axis=1)
    told = np.stack([rng.integers(0, size, 2) for size in config.conditions], axis=1)
    integers = UNet(config, tensors)(planes, told)
    floats = FloatUNet(config, tensors, clamped=True)(planes, told)
    assert floats.shape == integers.shape
    assert np.abs(floats - integers).mean() < 0.02 * np.abs(integers).mean() + 2
