"""Where figures come from: the machine, the date, the command; and Markdown tables to print them in."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "numba", "torch", "pillow")

Cell = str | int | float


def heading(title: str, **settings: Cell) -> str:
    """A title, and a line each for machine, date, versions and the command with its seeds."""
    told = ", ".join(f"{name} {value}" for name, value in settings.items())
    return "\n".join(
        [
            f"## {title}",
            "",
            f"- machine: {machine()}",
            f"- date: {time.strftime('%Y-%m-%d %H:%M %Z')}, commit {commit()}, Python {platform.python_version()}, "
            f"{', '.join(_versions())}",
            f"- command: `python {shlex.join([os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]])}`",
            *([f"- {told}"] if told else []),
            "",
        ]
    )


def machine() -> str:
    """Processor, cores that this process may use, and how busy the machine is."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    by_key = {key.strip(): value.strip() for key, value in found.items()}
    name = by_key.get("model name", name)
    family = f" (family {by_key['cpu family']}, model {by_key['model']})" if "cpu family" in by_key else ""
    flags = set(by_key.get("flags", "").split())
    best = next((isa for isa in ("avx512_vnni", "avx_vnni", "avx512f", "avx2") if isa in flags), "no avx2")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{name}{family}, {best}, {cores} cores{load}"


def commit() -> str:
    """The short commit of the tree, with ``+`` when tracked files differ from it."""
    try:
        run = ["git", "-C", str(ROOT)]
        head = subprocess.run([*run, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*run, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _versions() -> Iterable[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A Markdown table; floats with three digits after the point."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(_written(cell) for cell in row) + " |" for row in rows]
    return "\n".join([*lines, ""])


def _written(cell: Cell) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def percent(part: float, whole: float) -> str:
    """``part`` of ``whole`` in percent, with both."""
    return f"{100 * part / whole:.1f} % ({part:g} of {whole:g})" if whole else "none"
