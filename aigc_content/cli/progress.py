"""What a build shows while it runs: a bar on a terminal, plain lines in a pipe; always on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from aigc_content.build import Event, Explained, Progress

_PLAIN_INTERVAL = 5.0


@contextmanager
def reporting(total: int, *, quiet: bool = False) -> Iterator[Callable[[Event], None]]:
    """A reporter for the events of a build of ``total`` slots.

    Args:
        quiet: no reasons on standard output and no plain lines, for ``--json``.
    """
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar(total) as show:
            yield _reporter(show, quiet)
        return
    yield _reporter((lambda progress: None) if quiet else _Lines(), quiet)


def failures(failed: Mapping[str, int]) -> str:
    """Failed slots by constraint, the most frequent first."""
    ranked = sorted(failed.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{constraint} {count:,}" for constraint, count in ranked)


def _reporter(show: Callable[[Progress], None], quiet: bool) -> Callable[[Event], None]:
    def report(event: Event) -> None:
        if isinstance(event, Progress):
            show(event)
        elif isinstance(event, Explained) and not quiet:
            print(f"{event.reason.job}: {event.reason.text}", flush=True)

    return report


def _rate(progress: Progress) -> tuple[float, float | None]:
    """Assets made a second, and seconds left."""
    rate = progress.made / progress.seconds if progress.seconds > 0 else 0.0
    left = progress.total - progress.accepted - sum(progress.failed.values())
    return rate, left / rate if rate else None


def _line(progress: Progress) -> str:
    rate, left = _rate(progress)
    done = progress.accepted + sum(progress.failed.values())
    parts = [f"{done:,} of {progress.total:,}", f"{rate:.1f} a second"]
    if left is not None and done < progress.total:
        parts.append(f"{left:,.0f} s left")
    if done == progress.total and progress.exported < progress.accepted:
        parts.append(f"{progress.exported:,} exported")
    if progress.failed:
        parts.append(f"failed: {failures(progress.failed)}")
    return ", ".join(parts)


class _Lines:
    """A line now and then, the last always."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PLAIN_INTERVAL
        self._said = ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next and not (progress.last and self._said):
            return
        self._next = now + _PLAIN_INTERVAL
        self._said = _line(progress)
        print(self._said, file=sys.stderr, flush=True)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(bar_width=32), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"0 of {total:,}", total=max(total, 1))

        def show(progress: Progress) -> None:
            done = progress.accepted + sum(progress.failed.values())
            bar.update(task, completed=done, description=_line(progress))

        yield show
