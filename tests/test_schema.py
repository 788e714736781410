"""Schemas: deterministic, up to date in the repository, and true to what is read and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from aigc_content.errors import RecipeError, SchemaError
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe
from aigc_content.schema import (
    DIALECT,
    check_schemas,
    recipe_schema,
    schema_for,
    schema_names,
    schema_text,
    validate_file,
    write_schemas,
)

ROOT = Path(__file__).resolve().parent.parent


def test_checked_in_schemas_are_up_to_date() -> None:
    """`aigc schema write schemas` brings them up to date."""
    assert check_schemas(ROOT / "schemas", discover()) == []


def test_every_schema_is_a_schema_and_says_its_name(names_plugin: Path) -> None:
    registry = discover()
    names = schema_names(registry)
    assert {"recipe-1", "manifest-1", "names/params-1", "names/name-1", "levels/level-1"} <= set(names)
    for name in names:
        schema = schema_for(name, registry)
        Draft202012Validator.check_schema(schema)
        assert (schema["$id"], schema["$schema"]) == (name, DIALECT)
        assert schema_text(name, registry) == schema_text(name, registry)


def test_stale_schema_is_found_and_written(names_plugin: Path, tmp_path: Path) -> None:
    registry = discover()
    assert len(check_schemas(tmp_path, registry)) == len(schema_names(registry))
    assert len(write_schemas(tmp_path, registry)) == len(schema_names(registry))
    assert check_schemas(tmp_path, registry) == []
    stale = tmp_path / "names" / "params-1.json"
    stale.write_text(stale.read_text() + " ")
    assert check_schemas(tmp_path, registry) == [stale]
    assert write_schemas(tmp_path, registry) == [stale]


def test_unknown_schema_is_offered_right() -> None:
    with pytest.raises(SchemaError) as caught:
        schema_for("levels/levl-1", discover())
    assert caught.value.code == "S002"
    assert "did you mean 'levels/level-1'?" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("{version: 1, jobs: [{name: a, generator: levels}]}", True),
        ("{version: 1, seed: 7, jobs: [{name: a, generator: b, count: 3, params: {x: 1}, export: [c]}]}", True),
        ("{version: 1, jobs: [{name: a, generator: b, sweep: {x: [1, 2]}, reject: [a-x-1-000001]}]}", True),
        ("{version: 2, jobs: [{name: a, generator: b}]}", False),
        ("{version: 1, jobs: []}", False),
        ("{jobs: [{name: a, generator: b}]}", False),
        ("{version: 1, jobs: [{name: a}]}", False),
        ("{version: 1, jobs: [{name: a, generator: b, cout: 3}]}", False),
        ("{version: 1, jobs: [{name: a/b, generator: b}]}", False),
        ("{version: 1, jobs: [{name: a, generator: b, count: 0}]}", False),
        ("{version: 1, jobs: [{name: a, generator: b, export: png}]}", False),
        ("{version: 1, jobs: [{name: a, generator: b, sweep: {x: 1}}]}", False),
        ("{version: 1, seed: -1, jobs: [{name: a, generator: b}]}", False),
    ],
)
def test_schema_and_reader_agree_on_recipes(text: str, valid: bool) -> None:
    assert Draft202012Validator(recipe_schema()).is_valid(yaml.safe_load(text)) is valid
    try:
        parse_recipe(text.encode(), Path("r.yaml"), "r.yaml")
        accepted = True
    except RecipeError:
        accepted = False
    assert accepted is valid


def test_asset_is_validated_by_its_suffix(names_plugin: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.name.json", tmp_path / "b.name.json"
    good.write_text(json.dumps({"name": "Aderin", "syllables": ["a", "de", "rin"]}))
    bad.write_text(json.dumps({"name": 3, "syllables": ["a", 4]}))
    assert validate_file(good, discover()) == []
    problems = validate_file(bad, discover())
    assert [(error.code, error.found.split(":")[0]) for error in problems] == [
        ("S001", "$.name"),
        ("S001", "$.syllables[1]"),
    ]


def test_schema_is_guessed_from_the_file_itself(names_plugin: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"$schema": "../schemas/names/name-1.json", "name": "A", "syllables": []}))
    problems = validate_file(path, discover())
    assert "'$schema' was unexpected" in problems[0].found


def test_schema_is_guessed_from_the_manifest_around(names_plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "x.json").write_text("{}")
    line = {"files": [{"path": "job/x.json", "schema": "names/name-1"}]}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    assert "'name' is a required property" in validate_file(tmp_path / "job" / "x.json", discover())[0].found


def test_manifest_is_validated_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text('{"id": 3}\n{}\n')
    problems = validate_file(path, discover())
    assert {error.where for error in problems} == {f"{path}:1", f"{path}:2"}


@pytest.mark.parametrize(
    ("name", "content", "code", "place"),
    [
        ("a.json", b"{}", "S003", ""),
        ("a.level.json", b"{", "S004", ":1:2"),
        ("a.level.json", b"\xff", "S004", ""),
        ("a.level.json", b"[" * 100_000, "S004", ""),
        ("manifest.jsonl", b"{}\n{\n", "S004", ":2:2"),
        ("gone.json", None, "S004", ""),
    ],
)
def test_file_that_cannot_be_judged_is_named(
    tmp_path: Path, name: str, content: bytes | None, code: str, place: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SchemaError) as caught:
        validate_file(path, discover())
    assert caught.value.code == code
    assert caught.value.where == f"{path}{place}"
