"""What ``build`` and ``generate`` share: run a build, show it, tell its result."""

from __future__ import annotations

from pathlib import Path

from aigc_content.build import BuildOptions, BuildResult, build
from aigc_content.cli.output import note, print_json
from aigc_content.cli.progress import failures, reporting
from aigc_content.recipe import Recipe

_NAMED = 10


def run_build(recipe: Recipe, options: BuildOptions, *, as_json: bool) -> int:
    """Build a recipe, show progress, print the result; return the exit status."""
    try:
        with reporting(sum(job.count for job in recipe.jobs), quiet=as_json) as report:
            result = build(recipe, options, report)
    except KeyboardInterrupt:
        note("interrupted; what was finished is kept, and running again goes on from there")
        raise
    if as_json:
        from aigc_content.report import build_report

        print_json(build_report(result).model_dump(mode="json"))
    else:
        tell(result)
    return result.status


def tell(result: BuildResult) -> None:
    """Print what a build did: the result to standard output, what needs attention to standard error."""
    changes = result.changes
    failed = sum(result.failed.values())
    if result.failed:
        note(f"failed: {failed:,} of {result.total:,} assets could not be made: {failures(result.failed)}")
    if result.dry_run and not result.unchanged:
        print(f"would make {result.made:,} of {result.total:,} assets; nothing was written")
        return
    if result.unchanged:
        done = result.total - failed
        print(f"nothing to do: {_assets(done)} {'is' if done == 1 else 'are'} up to date")
    else:
        made = f"{result.made:,} made, {result.reused:,} reused"
        files = f"{len(changes.written):,} files written, {len(changes.unchanged):,} unchanged"
        print(f"{_assets(result.total)}: {made}; {files}; {result.seconds:.1f} s")
    print(f"gallery: {result.gallery}")
    _list("kept, because it was edited by hand (--force overwrites)", changes.kept, result.out)
    _list("no longer part of this build (--prune removes)", changes.orphaned, result.out)
    _list("removed", changes.pruned, result.out)
    if result.dropped.size:
        candidates, size = result.dropped.candidates, result.dropped.size
        note(f"removed from the store: {candidates:,} candidates that no asset needs, {size:,} bytes")
    _list("no longer part of this build, but edited by hand: yours now", changes.released, result.out)


def _assets(count: int) -> str:
    return f"{count:,} asset{'' if count == 1 else 's'}"


def _list(what: str, paths: list[str], out: Path) -> None:
    for path in paths[:_NAMED]:
        note(f"{what}: {out / path}")
    if len(paths) > _NAMED:
        note(f"{what}: {len(paths) - _NAMED:,} more files")
