"""Fixtures that several test files share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
