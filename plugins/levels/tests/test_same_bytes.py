"""The first promise on the real generator: the same files whatever runs them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """
version: 1
seed: 5
jobs:
  - name: small
    generator: levels
    count: 7
    params: {width: 17, height: 11}
    sweep: {difficulty: [0.2, 0.7]}
    export: [tiled, png, text]
"""

WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "one worker": (["--workers", "1"], {}),
    "two workers": (["--workers", "2"], {}),
    "five workers": (["--workers", "5"], {}),
    "plain kernels": (["--executor", "inline"], {"AIGC_KERNELS": "plain"}),
    "plain kernels, two threads, plainest BLAS": (
        ["--executor", "inline"],
        {"AIGC_KERNELS": "plain", "OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Nehalem"},
    ),
    "generic compiler target": (["--executor", "inline"], {"NUMBA_CPU_NAME": "generic"}),
    "another place": (["--workers", "2"], {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}),
}


def tree(folder: Path, ways: list[str], variables: dict[str, str]) -> dict[str, str]:
    """Digests of all files of a build but those of its store."""
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    out = folder / "out"
    result = subprocess.run(
        [sys.executable, "-m", "aigc_content.cli", "build", str(folder / "recipe.yaml"), "--out", str(out), *ways],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    files = (path for path in out.rglob("*") if path.is_file() and ".aigc" not in path.parts)
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return tree(tmp_path_factory.mktemp("same") / "reference", ["--executor", "inline"], {})


@pytest.mark.parametrize("way", WAYS)
def test_same_files(way: str, reference: dict[str, str], tmp_path: Path) -> None:
    found = tree(tmp_path / "build", *WAYS[way])
    assert found == reference
    assert sum(name.endswith(".tmj") for name in found) == 14
