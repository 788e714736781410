"""Fixtures that several test files share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_content.build import BuildOptions, BuildResult, build_plan
from aigc_content.plan import Plan, make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe

ROOT = Path(__file__).resolve().parent.parent
NAMES_PLUGIN = ROOT / "examples" / "plugin-names"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's changes a test."""
    for variable in ("AIGC_PLUGINS_DIR", "AIGC_DISABLE_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def names_plugin(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example plugin `names`, found as a loose folder; workers and subprocesses find it too."""
    monkeypatch.setenv("AIGC_PLUGINS_DIR", str(NAMES_PLUGIN))
    return NAMES_PLUGIN


@pytest.fixture
def aigc() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command line in a process of its own: ``aigc("build", recipe)``."""

    def run(*args: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aigc_content.cli", *map(str, args)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **variables},
            check=False,
            timeout=120,
        )

    return run


class LightBuilds:
    """Builds with the light test generator, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.log = folder / "log"

    def plan(self, *jobs: dict[str, Any], seed: int = 0) -> Plan:
        """A plan of jobs; each is a recipe's job, ``generator`` and ``name`` have defaults."""
        full = [{"name": f"words{place or ''}", "generator": "light", **job} for place, job in enumerate(jobs)]
        text = json.dumps({"version": 1, "seed": seed, "jobs": full})
        return make_plan(parse_recipe(text.encode(), self.folder / "recipe.yaml", "recipe.yaml"), discover())

    def build(self, *jobs: dict[str, Any], seed: int = 0, out: Path | None = None, **options: Any) -> BuildResult:
        """Build jobs, inline unless told otherwise."""
        settings = {"executor": "inline", "title": "light"} | options
        return build_plan(self.plan(*jobs, seed=seed), BuildOptions(out or self.out, **settings), base=self.folder)

    def tree(self, out: Path | None = None) -> dict[str, bytes]:
        """Bytes by path of all output, without the host's own folder."""
        root = out or self.out
        paths = (path for path in root.rglob("*") if not path.is_dir())
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
        return {name: data for name, data in sorted(files.items()) if not name.startswith(".aigc/")}

    def times(self) -> dict[str, int]:
        """Modification times of all output."""
        return {name: (self.out / name).stat().st_mtime_ns for name in self.tree()}

    def logged(self, word: str) -> int:
        """How many lines of the generator's log begin with a word; see the parameter ``log``."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return sum(line.startswith(word) for line in lines)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LightBuilds:
    """Builds with the light test generator."""
    monkeypatch.setenv("AIGC_PLUGINS_DIR", str(ROOT / "tests" / "light_plugin"))
    return LightBuilds(tmp_path)
