"""The folder of an unfinished training, ``OUT.training`` beside the model that will be ``OUT``.

It holds ``run.json`` (what is trained on what), ``model`` (as far as it is), and ``state`` (from which training goes
on). When training ends the model moves to ``OUT`` and the folder goes. After Ctrl-C it stays, and ``OUT`` is a copy
of the model as it was then; after anything else it stays when there is a state in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from aigc_content.canonical import digest, sha256_file
from aigc_content.errors import AigcError, InputError, OutputError
from aigc_content.ledger import Lock
from aigc_content.models import Model, inspect

_RECORD, _MODEL, _STATE, _LOCK = "run.json", "model", "state", ".lock"


@dataclass
class Work:
    """A training that is under way.

    Attributes:
        out: where the model will be.
        folder: ``OUT.training``.
        kept: digest of the model that an interrupted part left in ``out``; empty when there is none.
        interrupted: whether training stopped before its end; known when the context has been left.
    """

    out: Path
    folder: Path
    kept: str = ""
    interrupted: bool = False

    @property
    def model(self) -> Path:
        """Folder for the model."""
        return self.folder / _MODEL

    @property
    def state(self) -> Path:
        """Folder for what a trainer needs to go on."""
        return self.folder / _STATE


def digest_of_data(path: Path) -> str:
    """Hex sha256 over the names and contents of a file, or of all files below a folder.

    Raises:
        InputError: I004, a file cannot be read.
    """
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    try:
        return digest([[item.relative_to(path).as_posix(), sha256_file(item)] for item in files])
    except OSError as error:
        raise InputError("I004", f"cannot be read: {error.strerror}", where=str(error.filename)) from None


@contextmanager
def training(out: Path, identity: Mapping[str, Any]) -> Iterator[Work]:
    """Hold ``OUT.training`` while a model is trained into it, and put the model in place at the end.

    Args:
        out: must not exist, be an empty folder, or hold the model that an interrupted part of this training left.
        identity: plain JSON data that decides the model; ``config`` in it is a mapping of options.

    Raises:
        OutputError: O001 somebody else trains there, O011 ``out`` holds something else, O012 the folder cannot be
            made, O020 another training began there.
        ModelError: the trainer left no whole model.
    """
    out = out.absolute()
    folder = out.with_name(f"{out.name}.training")
    record = _read(folder)
    kept = str(record.get("kept", ""))
    if out.exists() and not _may_replace(out, kept):
        raise OutputError(
            "O011", f"{str(out)!r} is there already", where="--out", remedy="name a new folder, or remove that one"
        )
    if folder.exists():
        _check_same(folder, record.get("run"), identity)
    work = Work(out, folder, kept)
    try:
        work.state.mkdir(parents=True, exist_ok=True)
        work.model.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            "O012",
            f"cannot be made: {error.strerror}",
            where=str(out),
            remedy="check the path and its permissions",
        ) from None
    with Lock(folder / _LOCK):
        _write(work, identity)
        try:
            yield work
        except KeyboardInterrupt:
            work.interrupted = True
            if _is_whole(work.model):
                _keep(work, identity)
            _remove_unless_going_on(work)
            raise
        except BaseException:
            _remove_unless_going_on(work)
            raise
        inspect(work.model)
        work.interrupted = _is_unfinished(work.state)
        if work.interrupted:
            _keep(work, identity)
        else:
            _place(work.model, out)
            shutil.rmtree(folder)


def _read(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / _RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(work: Work, identity: Mapping[str, Any]) -> None:
    text = json.dumps({"version": 1, "run": identity, "kept": work.kept}, indent=2, sort_keys=True)
    temporary = work.folder / f".{_RECORD}"
    temporary.write_text(text + "\n", "utf-8")
    os.replace(temporary, work.folder / _RECORD)


def _may_replace(out: Path, kept: str) -> bool:
    """Whether ``out`` is empty, or the model that this training left there when it was interrupted."""
    if out.is_dir() and not any(out.iterdir()):
        return True
    return bool(kept) and _is_whole(out) and inspect(out).digest == kept


def _is_whole(folder: Path) -> bool:
    try:
        inspect(folder)
    except AigcError:
        return False
    return True


def _check_same(folder: Path, before: Any, now: Mapping[str, Any]) -> None:
    if before is not None and before != json.loads(json.dumps(now)):
        found = "; ".join(differences(before, now)) if isinstance(before, dict) else "it cannot be read"
    elif before is None and any(folder.iterdir()):
        found = f"it has no {_RECORD}"
    else:
        return
    raise OutputError(
        "O020",
        f"an unfinished training lies here that is not this one: {found}",
        where=str(folder),
        remedy="give the same options and data to go on with it, or remove that folder to begin anew",
    )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What has changed between two identities of trainings or searches, in words."""
    plain: dict[str, Any] = json.loads(json.dumps(now))
    for name in sorted(before.keys() | plain.keys()):
        old, new = before.get(name), plain.get(name)
        if name == "config" and isinstance(old, dict) and isinstance(new, dict):
            yield from (f"{what} was {_short(was)}, is {_short(is_)}" for what, was, is_ in _changed(old, new))
        elif old != new and name in {"data", "from"}:
            yield "the data are others" if name == "data" else "it began from another model"
        elif old != new:
            yield f"{name} was {_short(old)}, is {_short(new)}"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for what in sorted(old.keys() | new.keys()):
        if old.get(what) != new.get(what):
            yield what, old.get(what), new.get(what)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def _is_unfinished(state: Path) -> bool:
    from aigc_content.nn.trainstate import SUFFIX, load_facts

    return not all(load_facts(path)["done"] for path in state.glob(f"*{SUFFIX}"))


def _remove_unless_going_on(work: Work) -> None:
    if not any(work.state.iterdir()):
        shutil.rmtree(work.folder)


def _keep(work: Work, identity: Mapping[str, Any]) -> None:
    """Copy the model of an interrupted training to ``out``."""
    copy = Path(mkdtemp(prefix=f".{work.out.name}-", dir=work.out.parent))
    shutil.copytree(work.model, copy, dirs_exist_ok=True)
    copy.chmod(0o755)
    work.kept = inspect(copy).digest
    _write(work, identity)
    _place(copy, work.out)


def _place(folder: Path, out: Path) -> Model:
    """Move a folder to ``out``, in place of a model that is there."""
    if out.exists() and any(out.iterdir()):
        older = Path(mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        os.replace(out, older)
        os.replace(folder, out)
        shutil.rmtree(older)
    else:
        os.replace(folder, out)
    return inspect(out)
