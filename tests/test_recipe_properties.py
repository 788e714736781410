"""Properties of the YAML reader: nothing crashes it, and JSON is read as JSON."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_content.document import parse_document
from aigc_content.errors import RecipeError
from aigc_content.recipe import job_name_problem, parse_recipe
from aigc_content.sweep import slugify

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e300, 1e300) | WORDS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=20
)
PIECES = st.sampled_from(
    [
        *(
            "version: 1\n",
            "jobs:\n",
            "  - ",
            "name: a\n",
            "    generator: b\n",
            "params: {",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
        ),
        *("<<: ", "\t", "\n", ": ", "- ", "'", '"', "|\n", "? ", "!!x ", "#", "1e9", ".nan", "%", "@"),
        "sweep: {a: [1, 2]}\n",
    ]
)


@given(DOCUMENTS)
@settings(deadline=None, max_examples=150)
def test_json_is_read_as_json(value: object) -> None:
    assert parse_document(json.dumps(value, ensure_ascii=False).encode(), "x").plain() == value


@given(st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()))
@settings(deadline=None, max_examples=300)
def test_anything_is_a_recipe_or_a_recipe_error(data: bytes) -> None:
    with contextlib.suppress(RecipeError):
        parse_recipe(data, Path("r.yaml"), "r.yaml")


@given(st.text(max_size=40))
def test_slug_of_a_sweep_is_a_safe_file_name(text: str) -> None:
    slug = slugify(f"caves-{text}")
    assert job_name_problem(slug.lower()) is None, slug
