"""Why slots are made again: the plan against the plan of the last build, part by part of the key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aigc_content.canonical import canonical_json
from aigc_content.plan import Job, Plan

_LONG = 48


@dataclass(frozen=True)
class Reason:
    """Why some slots of a job are made, exported or left as they are.

    Attributes:
        job: its name.
        what: ``new``, ``changed``, ``more``, ``fewer``, ``exports``, ``retries``, ``rejects``, ``removed``,
            ``moved`` or ``unchanged``.
        slots: how many slots it concerns.
        text: one sentence for a person.
    """

    job: str
    what: str
    slots: int
    text: str


def remembered(plan: Plan) -> dict[str, Any]:
    """What the state keeps of a plan, to explain the next one; plain JSON data."""
    return {
        job.name: {
            "seed": job.seed,
            "generator": job.spec.name,
            "count": job.count,
            "max_attempts": job.max_attempts,
            "reject": list(job.reject),
            "slug": job.slug,
            "exports": [f"{spec.name}@{spec.revision}" for spec in job.exporters],
            "plugin": list(job.plugin),
            "inputs": {file.name: file.sha256 for file in job.inputs},
            "parts": dict(job.key_parts),
        }
        for job in plan.jobs
    }


def reasons(before: Mapping[str, Any], plan: Plan, stored: Callable[[Job], int]) -> list[Reason]:
    """Compare a plan with what `remembered` gave for the last build, job by job in plan order.

    Args:
        before: of the last build; empty when there was none.
        plan: of this one.
        stored: how many of a job's slots the store can fill, because an earlier build had the same job.
    """
    found: list[Reason] = []
    for job, now in zip(plan.jobs, remembered(plan).values(), strict=True):
        old = before.get(job.name)
        if old is None:
            text = f"a new job; all {job.count:,} slots are new" if before else f"all {job.count:,} slots are new"
            found.append(Reason(job.name, "new", job.count, text + _still(stored(job))))
        else:
            found.extend(_job_reasons(job, old, now, stored) or [_unchanged(job)])
    names = {job.name for job in plan.jobs}
    for name, old in before.items():
        if name not in names:
            text = "the job is no longer in the recipe; its files stay until --prune"
            found.append(Reason(name, "removed", int(old.get("count", 0)), text))
    return found


def _job_reasons(
    job: Job, old: Mapping[str, Any], now: Mapping[str, Any], stored: Callable[[Job], int]
) -> list[Reason]:
    changed = list(_key_changes(old, now))
    if changed:
        text = f"all {job.count:,} slots are made again: {'; '.join(changed)}{_still(stored(job))}"
        return [Reason(job.name, "changed", job.count, text)]
    found = []
    grown = job.count - int(old["count"])
    if grown > 0:
        found.append(Reason(job.name, "more", grown, f"{grown:,} new slots: count {old['count']} -> {job.count}"))
    elif grown < 0:
        found.append(Reason(job.name, "fewer", -grown, f"{-grown:,} slots less: count {old['count']} -> {job.count}"))
    if old["max_attempts"] != job.max_attempts:
        text = f"max_attempts {old['max_attempts']} -> {job.max_attempts}: slots that failed are looked at again"
        found.append(Reason(job.name, "retries", 0, text))
    if list(old["reject"]) != list(job.reject):
        added = [name for name in job.reject if name not in old["reject"]]
        taken = [name for name in old["reject"] if name not in job.reject]
        listed = [f"+{name}" for name in added] + [f"-{name}" for name in taken]
        text = f"reject has changed ({', '.join(listed) or 'order or number'}): those slots are drawn anew"
        found.append(Reason(job.name, "rejects", len(listed), text))
    if old["slug"] != now["slug"]:
        text = f"its folder is now {now['slug']!r}, it was {old['slug']!r}"
        found.append(Reason(job.name, "moved", job.count, text))
    if old["exports"] != now["exports"] or old["plugin"] != now["plugin"]:
        text = "exported again: " + "; ".join(_differences("", _exports(old), _exports(now)))
        found.append(Reason(job.name, "exports", job.count, text))
    return found


def _key_changes(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    yield from _differences("", {"seed": old["seed"]}, {"seed": now["seed"]})
    yield from _differences("", {"generator": old["generator"]}, {"generator": now["generator"]})
    parts_before, parts_now = dict(old["parts"]), dict(now["parts"])
    if parts_before.pop("inputs", None) != parts_now.pop("inputs", None):
        yield from (f"input file {text}" for text in _differences("", old["inputs"], now["inputs"]))
    yield from _differences("", parts_before, parts_now)


def _exports(job: Mapping[str, Any]) -> dict[str, Any]:
    return {"export": job["exports"], "plugin": " ".join(job["plugin"])}


def _differences(prefix: str, old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """``params.width 32 -> 48`` for every leaf that differs."""
    for name in sorted(old.keys() | now.keys()):
        path = f"{prefix}{name}"
        before, after = old.get(name), now.get(name)
        if _is_input(before) and _is_input(after):
            continue  # told with its name
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(f"{path}.", before, after)
        elif name not in now:
            yield f"{path} {_short(before)} -> default" if prefix else f"{path} is gone"
        elif name not in old:
            yield f"{path} default -> {_short(after)}" if prefix else f"{path} is new"
        elif canonical_json(before) != canonical_json(after):
            yield f"{path} {_short(before)} -> {_short(after)}"


def _is_input(value: Any) -> bool:
    """Whether it stands for an input file in the key."""
    return isinstance(value, dict) and value.keys() == {"sha256"}


def _short(value: Any) -> str:
    text = canonical_json(value).decode("utf-8")
    if isinstance(value, str) and len(value) == 64:
        return value[:12]
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def _still(stored: int) -> str:
    return f"; but {stored:,} of them are in the store from an earlier build" if stored else ""


def _unchanged(job: Job) -> Reason:
    return Reason(job.name, "unchanged", job.count, f"all {job.count:,} slots are as before")
