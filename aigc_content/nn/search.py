"""Search for the best options of a training: Optuna over a space of options, kept in one SQLite file.

New options are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter
optimization"), the first ten at random; a trial whose held-out loss is above the median of earlier trials at the
same step is given up. The defaults are the first trial, to compare with. This module starts no training: it says
what to try next and remembers what came of it, so that a search that was killed goes on. No torch.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

Number = int | float

_NAME = "tune"
_FEW = 4  # complete trials below which importance is a guess


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, whole ones when both are ints.

    Attributes:
        low, high: both may be drawn; low is below high.
        log: draw evenly in the logarithm; low is above 0.
        step: draw multiples of it above low; None draws any. Not together with ``log``.
    """

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @property
    def whole(self) -> bool:
        """Whether only ints are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: Any) -> bool:
        """Whether a value may be drawn."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        steps = (value - self.low) / self.step if self.step else 0
        return bool(self.low <= value <= self.high and math.isclose(steps, round(steps), abs_tol=1e-9))


@dataclass(frozen=True)
class Choice:
    """One of several values without an order.

    Attributes:
        options: plain JSON data, at least one.
    """

    options: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value may be drawn."""
        return _written(value) in map(_written, self.options)


Space = Mapping[str, Range | Choice]


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        number: from 0.
        state: ``complete``, ``pruned`` or ``failed``.
        options: the searched options that it tried.
        value: of the objective; None unless complete.
        defaults: whether it is the trial of the defaults.
        seconds: how long it took.
        reason: why it failed.
    """

    number: int
    state: str
    options: Mapping[str, Any]
    value: float | None
    defaults: bool
    seconds: float
    reason: str = ""


class OtherSearch(ValueError):
    """The file holds a search over something else; the argument is its identity."""


class Search:
    """A search in a file; the file is made if there is none.

    Args:
        path: the SQLite file. Only one process may use it at a time.
        space: what is searched, by option.
        identity: plain JSON data that decides what a trial gives; a search goes on with an equal one only.
        maximize: whether the objective is to be large.
        defaults: plain JSON data by option, tried first; options without one are drawn.

    Raises:
        OtherSearch: the file holds another search.
        OSError: the file is no search.
    """

    def __init__(
        self, path: Path, space: Space, identity: Mapping[str, Any], *, maximize: bool, defaults: Mapping[str, Any]
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._sign = space, -1.0 if maximize else 1.0
        known = {name: value for name, value in defaults.items() if name in space}
        inside = {name: value for name, value in known.items() if space[name].holds(value)}
        self._outside = set(known) - set(inside)
        self._open: dict[int, optuna.Trial] = {}
        try:
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=_NAME,
                direction="maximize" if maximize else "minimize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(),
            )
        except Exception as error:  # SQLAlchemy's, Alembic's and Optuna's, which have no common base
            raise OSError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
        trials = self._study.get_trials(deepcopy=False)
        self._study.sampler = optuna.samplers.TPESampler(seed=len(trials))  # another seed when it goes on
        found = self._study.user_attrs.get("identity")
        plain = json.loads(_written(identity))
        if found is not None and found != plain:
            raise OtherSearch(found)
        self._study.set_user_attr("identity", plain)
        for trial in trials:
            if trial.state == TrialState.RUNNING:  # of a search that was killed: once more
                attributes = {
                    name: value for name, value in trial.user_attrs.items() if name not in ("ended", "reason")
                }
                if trial.user_attrs.get("ended"):  # killed while its end was being noted
                    self._storage.set_trial_user_attr(trial._trial_id, "ended", False)
                self._study.tell(trial.number, state=TrialState.FAIL)
                self._study.enqueue_trial(trial.params, user_attrs=attributes)
        if not any(trial.user_attrs.get("defaults") for trial in trials):
            first = {
                name: _written(value) if isinstance(space[name], Choice) else value for name, value in inside.items()
            }
            self._study.enqueue_trial(first, user_attrs={"defaults": True})

    def close(self) -> None:
        """Close the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def ask(self) -> tuple[int, dict[str, Any], bool]:
        """What to try next: the trial's number, its options, and whether they are the defaults.

        A default that lies outside of the space is not among the options.
        """
        trial = self._study.ask()
        self._open[trial.number] = trial
        defaults = bool(trial.user_attrs.get("defaults"))
        skipped = self._outside if defaults else set()
        options = {name: self._draw(trial, name) for name in self._space if name not in skipped}
        return trial.number, options, defaults

    def report(self, number: int, step: int, loss: float) -> bool:
        """Note a trial's held-out loss at a step; returns whether to give the trial up."""
        trial = self._open[number]
        trial.report(self._sign * loss, step)
        return bool(trial.should_prune())  # a NumPy bool otherwise

    def complete(self, number: int, value: float) -> None:
        """Note the objective of a trial, a finite number."""
        self._end(number, TrialState.COMPLETE, value)

    def prune(self, number: int) -> None:
        """Note that a trial was given up."""
        self._end(number, TrialState.PRUNED)

    def fail(self, number: int, reason: str) -> None:
        """Note that a trial failed, and why."""
        self._open[number].set_user_attr("reason", reason)
        self._end(number, TrialState.FAIL)

    def outcomes(self) -> list[Outcome]:
        """All trials that ended, in their order; those that were killed are not among them."""
        return [self._outcome(trial) for trial in self._study.get_trials(deepcopy=False) if _has_ended(trial)]

    def best(self) -> Outcome | None:
        """The best complete trial, or None."""
        complete = [outcome for outcome in self.outcomes() if outcome.value is not None]
        return min(complete, key=lambda outcome: self._sign * (outcome.value or 0.0), default=None)

    def importance(self) -> dict[str, float]:
        """How much each option decides whether a trial is among the best, shares of 1, largest first.

        PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255); empty while too few trials are complete.
        """
        complete = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
        whole = [trial for trial in complete if set(trial.params) == set(self._space)]
        if len(whole) < _FEW or len({trial.value for trial in whole}) == 1:
            return {}
        study = optuna.create_study(direction=self._study.direction)
        study.add_trials(whole)
        with warnings.catch_warnings(action="ignore"):  # of ties and few trials
            return dict(optuna.importance.get_param_importances(study))

    def _draw(self, trial: optuna.Trial, name: str) -> Any:
        kind = self._space[name]
        if isinstance(kind, Choice):
            return json.loads(trial.suggest_categorical(name, [_written(option) for option in kind.options]))
        if kind.whole:
            return trial.suggest_int(name, int(kind.low), int(kind.high), step=int(kind.step or 1), log=kind.log)
        return trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)

    def _end(self, number: int, state: TrialState, value: float | None = None) -> None:
        trial = self._open.pop(number)
        trial.set_user_attr("ended", True)
        self._study.tell(trial, value, state=state)

    def _outcome(self, trial: FrozenTrial) -> Outcome:
        states = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
        options = {
            name: json.loads(value) if isinstance(self._space[name], Choice) else value
            for name, value in trial.params.items()
        }
        return Outcome(
            number=trial.number,
            state=states.get(trial.state, "failed"),
            options=options,
            value=trial.value if trial.state == TrialState.COMPLETE else None,
            defaults=bool(trial.user_attrs.get("defaults")),
            seconds=trial.duration.total_seconds() if trial.duration else 0.0,
            reason=str(trial.user_attrs.get("reason", "")),
        )


def _has_ended(trial: FrozenTrial) -> bool:
    return trial.state.is_finished() and bool(trial.user_attrs.get("ended"))


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
