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
    if result.dry_run:
        print(f"would make {result.made:,} of {result.total:,} assets; nothing was written")
        return
    if result.unchanged:
        print(f"nothing to do: {result.total - sum(result.failed.values()):,} assets are up to date")
    else:
        made = f"{result.made:,} made, {result.reused:,} reused"
        files = f"{len(changes.written):,} files written, {len(changes.unchanged):,} unchanged"
        print(f"{result.total:,} assets: {made}; {files}; {result.seconds:.1f} s")
    print(f"gallery: {result.gallery}")
    if result.failed:
        count = sum(result.failed.values())
        note(f"failed: {count:,} of {result.total:,} assets could not be made: {failures(result.failed)}")
    _list("kept, because it was edited by hand (--force overwrites)", changes.kept, result.out)
    _list("no longer part of this build (--prune removes)", changes.orphaned, result.out)
    _list("removed", changes.pruned, result.out)
    _list("no longer part of this build, but edited by hand: yours now", changes.released, result.out)


def _list(what: str, paths: list[str], out: Path) -> None:
    for path in paths[:_NAMED]:
        note(f"{what}: {out / path}")
    if len(paths) > _NAMED:
        note(f"{what}: {len(paths) - _NAMED:,} more files")
