"""The report of a search: a page in Markdown, and two pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_content.nn.search import Outcome

_BEST, _OTHER, _PRUNED = "#1f6f54", "#7a869a", "#c9ced6"


@dataclass(frozen=True)
class Report:
    """What is told of a search.

    Attributes:
        title: one line.
        objective: the figure.
        maximize: whether it is to be large.
        outcomes: all trials that ended.
        importance: share of each option, largest first; empty when it is not known yet.
        best: all options of the best trial, fixed ones too.
    """

    title: str
    objective: str
    maximize: bool
    outcomes: Sequence[Outcome]
    importance: Mapping[str, float]
    best: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Write ``report.md``, ``history.png`` and, where it is known, ``importance.png``."""
        self._draw_history(folder / "history.png")
        if self.importance:
            self._draw_importance(folder / "importance.png")
        (folder / "report.md").write_text(self._page(), "utf-8")

    def yaml(self) -> str:
        """The best options as YAML, one a line."""
        return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in self.best.items())

    def _better(self, value: float, than: float) -> bool:
        return value > than if self.maximize else value < than

    def _best_so_far(self) -> list[tuple[int, float]]:
        """Number and value of each trial that was the best when it ended."""
        steps: list[tuple[int, float]] = []
        for outcome in self.outcomes:
            if outcome.value is not None and (not steps or self._better(outcome.value, steps[-1][1])):
                steps.append((outcome.number, outcome.value))
        return steps

    def _page(self) -> str:
        counts = {state: sum(outcome.state == state for outcome in self.outcomes) for state in _STATES}
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        hours = sum(outcome.seconds for outcome in self.outcomes) / 3600
        goal = "largest" if self.maximize else "smallest"
        lines = [
            f"# {self.title}",
            "",
            f"The {goal} `{self.objective}` was sought in {len(self.outcomes)} trials: {told}; {hours:.2f} hours.",
            "",
            *self._comparison(),
            "",
            "The best of many trials on the same held-out data looks better than it is: measure the model that is "
            "trained with these options on data that the search never saw.",
            "",
            "## Best options",
            "",
            "```yaml",
            self.yaml().rstrip(),
            "```",
            "",
            "![The trials in their order](history.png)",
            "",
        ]
        if self.importance:
            lines += ["## What matters", "", "Share of each option in whether a trial is among the best tenth.", ""]
            lines += ["| option | share |", "| --- | --- |"]
            lines += [f"| {name} | {share:.0%} |" for name, share in self.importance.items()]
            lines += ["", "![Share of each option](importance.png)", ""]
        return "\n".join([*lines, "## All trials", "", *self._table(), ""])

    def _comparison(self) -> list[str]:
        steps = self._best_so_far()
        defaults = next((outcome for outcome in self.outcomes if outcome.defaults), None)
        lines = ["| | trial | value |", "| --- | --- | --- |"]
        lines.append(f"| best | {steps[-1][0]} | {steps[-1][1]:.6g} |")
        if defaults is not None:
            shown = defaults.state if defaults.value is None else f"{defaults.value:.6g}"
            lines.append(f"| defaults | {defaults.number} | {shown} |")
        return lines

    def _table(self) -> list[str]:
        names = sorted({name for outcome in self.outcomes for name in outcome.options})
        head = ["trial", "state", self.objective, "seconds", *names, "note"]
        lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
        for outcome in self.outcomes:
            value = "" if outcome.value is None else f"{outcome.value:.6g}"
            options = [shown(outcome.options[name]) if name in outcome.options else "default" for name in names]
            note = "the defaults" if outcome.defaults else outcome.reason.replace("|", "/")
            cells = [str(outcome.number), outcome.state, value, f"{outcome.seconds:.1f}", *options, note]
            lines.append(f"| {' | '.join(cells)} |")
        return lines

    def _draw_history(self, path: Path) -> None:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(8, 4), dpi=100, layout="constrained")
        axes = figure.add_subplot(xlabel="trial", ylabel=self.objective)
        complete = [(outcome.number, outcome.value) for outcome in self.outcomes if outcome.value is not None]
        values = [value for _, value in complete]
        if values and 0 < _WIDE * min(values) < max(values):
            axes.set_yscale("log")
        axes.scatter(
            [number for number, _ in complete], [value for _, value in complete], color=_OTHER, label="trial"
        )
        steps = self._best_so_far()
        numbers = [*(number for number, _ in steps), self.outcomes[-1].number]
        values = [*(value for _, value in steps), steps[-1][1]]
        axes.step(numbers, values, where="post", color=_BEST, label="best so far")
        for outcome in self.outcomes:
            if outcome.defaults and outcome.value is not None:
                axes.axhline(outcome.value, color=_OTHER, linestyle="--", linewidth=1, label="defaults")
        label = "without a value"
        for outcome in self.outcomes:
            if outcome.value is None:
                axes.axvline(outcome.number, color=_PRUNED, linewidth=1, zorder=0, label=label)
                label = "_"  # one entry in the legend for all
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        figure.savefig(path, metadata={"Software": None})

    def _draw_importance(self, path: Path) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 1 + 0.4 * len(self.importance)), dpi=100, layout="constrained")
        axes = figure.add_subplot(xlabel="share of 1")
        names = list(self.importance)[::-1]
        axes.barh(names, [self.importance[name] for name in names], color=_BEST)
        axes.set_xlim(0, 1)
        figure.savefig(path, metadata={"Software": None})


_STATES = ("complete", "pruned", "failed")
_WIDE = 20  # values this far apart are shown by their logarithms


def shown(value: Any) -> str:
    """A plain value, short."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
