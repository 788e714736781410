"""Recipes: what is read, and the message of every mistake."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from aigc_content.errors import RecipeError
from aigc_content.recipe import Recipe, load_recipe, parse_recipe

GOOD = """\
version: 1
seed: 7
jobs:
  - name: caves
    generator: levels
    count: 24
    params: {game: dungeon, width: 32}
    export: [tiled, png]
"""


def read(text: str | bytes) -> Recipe:
    data = text.encode() if isinstance(text, str) else text
    return parse_recipe(data, Path("r.yaml"), "r.yaml")


def refuse(text: str | bytes) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        read(text)
    return caught.value


def job(rest: str) -> str:
    return f"version: 1\njobs:\n  - name: caves\n    generator: levels\n{rest}"


def test_good_recipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "first.yaml"
    path.write_text(GOOD)
    recipe = load_recipe(path)
    (caves,) = recipe.jobs
    assert (recipe.version, recipe.seed, recipe.folder) == (1, 7, tmp_path.resolve())
    assert (caves.name, caves.slug, caves.generator, caves.count) == ("caves", "caves", "levels", 24)
    assert caves.params == {"game": "dungeon", "width": 32}
    assert caves.export == ("tiled", "png")
    assert caves.max_attempts == 20
    assert caves.places.where("params", "width") == f"{path}:7:36"
    assert caves.places.where("params", "width", key=True) == f"{path}:7:29"


def test_absent_keys_have_defaults() -> None:
    recipe = read(job(""))
    assert recipe.seed == 0
    assert (recipe.jobs[0].count, recipe.jobs[0].params, recipe.jobs[0].export) == (1, {}, ())


def test_order_comments_and_white_space_mean_nothing() -> None:
    other = """
# a comment
jobs:
- export:
  - tiled
  - png
  params:   {width: 32,   game: dungeon}
  count:    24
  generator: "levels"
  name: caves
seed: 7
version: 1
"""
    one, two = read(GOOD).jobs[0], read(other).jobs[0]
    assert (one.name, one.params, one.export, one.count) == (two.name, two.params, two.export, two.count)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    recipe = load_recipe(Path("-"))
    assert recipe.folder == tmp_path.resolve()
    assert recipe.jobs[0].places.where("name") == "<stdin>:4:11"


def test_yaml_1_1_surprises_are_text() -> None:
    params = (
        read(job("    params: {a: no, b: 12:30, c: on, d: 2024-01-01, e: 010, f: 0x1F, g: 1e3, h: 1e999}\n"))
        .jobs[0]
        .params
    )
    assert params == {
        "a": "no",
        "b": "12:30",
        "c": "on",
        "d": "2024-01-01",
        "e": 10,
        "f": 31,
        "g": 1000.0,
        "h": "1e999",
    }


def test_merge_keys_fill_in_what_is_not_given() -> None:
    text = job("    params: &base {width: 32, height: 24}\n")
    text += "  - {name: b, generator: levels, params: {<<: *base, width: 40}}\n"
    assert read(text).jobs[1].params == {"width": 40, "height": 24}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (job("    cuont: 3\n"), "R001", "5:5"),
        ("version: 1\nsed: 3\njobs: []\n", "R001", "2:1"),
        (job("    count: 3\n    count: 4\n"), "R002", "6:5"),
        (job("    export: tiled\n"), "R003", "5:13"),
        (job("    count: '3'\n"), "R003", "5:12"),
        (job("    count: true\n"), "R003", "5:12"),
        (job("    params: [1]\n"), "R003", "5:13"),
        (job("    params: {1: 2}\n"), "R003", "5:14"),
        (job("    params: {? [a] : 2}\n"), "R003", "5:16"),
        (job("    export: [1]\n"), "R003", "5:14"),
        ("[1, 2]", "R003", "1:1"),
        ("", "R003", "1:1"),
        (job("    params: {a: 1\n"), "R004", "6:1"),
        (job("    params: *gone\n"), "R004", "5:13"),
        (job("    params: &a {b: *a}\n"), "R004", "5:20"),
        (GOOD + "---\n" + GOOD, "R004", "9:1"),
        (job("\tcount: 3\n"), "R005", "5:1"),
        ("jobs: []\n", "R006", "1:1"),
        ("version: 1\njobs: []\n", "R006", "2:7"),
        ("version: 1\njobs:\n  - name: a\n", "R006", "3:5"),
        ("version: 2\njobs: []\n", "R007", "1:10"),
        ("version: true\njobs: []\n", "R007", "1:10"),
        (job("    count: 0\n"), "R008", "5:12"),
        (job("    count: 1000001\n"), "R008", "5:12"),
        (job("    max_attempts: 0\n"), "R008", "5:19"),
        ("version: 1\nseed: -1\njobs: []\n", "R008", "2:7"),
        (f"version: 1\nseed: {2**63}\njobs: []\n", "R008", "2:7"),
        (job("  - {name: Caves, generator: levels}\n"), "R010", "5:12"),
        (job("    export: [png, png]\n"), "R010", "5:19"),
        (job("    params: " + "[" * 40 + "]" * 40 + "\n"), "R011", "5:42"),
        (b"version: 1\n# \xff\n", "R012", "2:3"),
        (GOOD.encode("utf-16"), "R012", "1:1"),
        ("version: 1\n# \x07\n", "R012", "2:3"),
        (job('    params: {a: "\\ud800"}\n'), "R004", "5:20"),
        (job("    params: {a: !!python/object:os.system x}\n"), "R013", "5:17"),
        (job("    params: !x {a: 1}\n"), "R013", "5:13"),
        (job("    params: {a: .nan}\n"), "R014", "5:17"),
        (job("    params: {a: -.inf}\n"), "R014", "5:17"),
        (job("    params: {a: " + "9" * 5000 + "}\n"), "R014", "5:17"),
        (job("    reject: [cave-000001]\n"), "R016", "5:14"),
        (job("    reject: [1234567]\n"), "R016", "5:14"),
    ],
)
def test_mistake_is_named_with_its_place(text: str | bytes, code: str, place: str) -> None:
    error = refuse(text)
    assert error.code == code, error
    assert error.where == f"r.yaml:{place}", error
    assert error.found


@pytest.mark.parametrize(
    "name", ["con", "NUL", "aux.txt", "com1", ".a", "a/b", "..", "a\\b", "a b", "é", "a.", "x" * 65, "gallery", ""]
)
def test_job_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    error = refuse(f"version: 1\njobs:\n  - name: {name!r}\n    generator: levels\n")
    assert error.code in {"R009", "R003"}
    assert error.where == "r.yaml:3:11"


def test_key_at_the_wrong_level_is_sent_to_the_right_one() -> None:
    assert refuse(job("    seed: 3\n")).remedy == "move it: seed stands at the top of the recipe"
    assert refuse("version: 1\ncount: 3\njobs: []\n").remedy == "move it: count stands in a job"


def test_misspelled_key_is_offered_right() -> None:
    error = refuse(job("    cuont: 3\n"))
    assert "did you mean 'count'?" in str(error)
    assert "max_attempts" in error.allowed


def test_digests_that_look_like_numbers_may_be_rejected() -> None:
    assert read(job("    reject: [12345678, 1e234567, caves-000003]\n")).jobs[0].reject == (
        "12345678",
        "1e234567",
        "caves-000003",
    )


def test_alias_bomb_is_refused_quickly() -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    assert refuse("\n".join(lines)).code == "R011"


def test_deep_alias_chain_is_refused() -> None:
    lines = ["a: &a0 [x]", *(f"b{level}: &a{level} [*a{level - 1}]" for level in range(1, 60))]
    assert refuse("\n".join(lines)).code == "R011"


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert caught.value.code == "R011"


@pytest.mark.parametrize("path", ["nowhere.yaml", ".", "a\0b"])
def test_recipe_that_cannot_be_read_is_named(path: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / path)
    assert caught.value.code == "R017"


def test_sweep_makes_a_job_for_each_combination() -> None:
    recipe = read(job("    params: {min: {loot: 2}}\n    sweep: {difficulty: [0.2, 0.4], min.enemy: [1, 3]}\n"))
    assert [item.name for item in recipe.jobs] == [
        "caves[difficulty=0.2,min.enemy=1]",
        "caves[difficulty=0.2,min.enemy=3]",
        "caves[difficulty=0.4,min.enemy=1]",
        "caves[difficulty=0.4,min.enemy=3]",
    ]
    last = recipe.jobs[-1]
    assert last.slug == "caves-difficulty-0.4-min.enemy-3"
    assert last.params == {"min": {"loot": 2, "enemy": 3}, "difficulty": 0.4}
    assert last.places.where("params", "difficulty") == "r.yaml:6:31"
    assert last.places.where("params", "min", "enemy") == "r.yaml:6:52"
    assert recipe.jobs[0].params["min"] == {"loot": 2, "enemy": 1}


def test_swept_file_names_make_safe_folders() -> None:
    recipe = read(job("    sweep: {game: [./games/a.yaml, ../b.yaml, dungeon]}\n"))
    assert [item.slug for item in recipe.jobs] == [
        "caves-game-games-a.yaml",
        "caves-game-b.yaml",
        "caves-game-dungeon",
    ]


@pytest.mark.parametrize(
    ("sweep", "place"),
    [
        ("[1]", "5:12"),
        ("{}", "5:12"),
        ("{a: 1}", "5:16"),
        ("{a: []}", "5:16"),
        ("{a: [1, 1]}", "5:20"),
        ("{a: [[1]]}", "5:17"),
        ("{a: [null]}", "5:17"),
        ("{a: ['']}", "5:17"),
        ("{a..b: [1]}", "5:13"),
        ("{a: [1], a.b: [2]}", "5:21"),
        (f"{{a: ['{'x' * 100}']}}", "5:17"),
        ('{a: ["a\\nb"]}', "5:17"),
    ],
)
def test_wrong_sweep_is_named_with_its_place(sweep: str, place: str) -> None:
    error = refuse(job(f"    sweep: {sweep}\n"))
    assert (error.code, error.where) == ("R015", f"r.yaml:{place}"), error


def test_parameter_in_params_and_sweep_is_refused() -> None:
    error = refuse(job("    params: {width: 3}\n    sweep: {width: [1, 2]}\n"))
    assert (error.code, error.where) == ("R015", "r.yaml:6:13")


def test_swept_values_that_share_a_folder_are_refused() -> None:
    assert refuse(job("    sweep: {game: [a/b, a+b]}\n")).code == "R010"


def test_too_many_jobs_are_refused() -> None:
    axis = "[" + ", ".join(map(str, range(40))) + "]"
    assert refuse(job(f"    sweep: {{a: {axis}, b: {axis}}}\n")).code == "R011"


def test_rejected_ids_of_a_sweep_name_its_jobs() -> None:
    recipe = read(job("    sweep: {a: [1, 2]}\n    reject: [caves-a-1-000004]\n"))
    assert recipe.jobs[0].reject == ("caves-a-1-000004",)
