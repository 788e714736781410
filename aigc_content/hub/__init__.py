"""Send a model to where others find it, and fetch one: a folder, any fsspec URL, the Hugging Face hub.

What travels is weights, configuration, card and their digests, nothing else. It is checked before it leaves and
before it arrives, and it arrives whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from aigc_content.canonical import sha256_file
from aigc_content.errors import ModelError, UsageError
from aigc_content.hub.folder import FolderPlace, beside, move_in
from aigc_content.hub.place import Place, too_large
from aigc_content.models import DIGESTS, FILES, LIMITS, WEIGHTS, Model, check_digests, inspect, require, write_digests
from aigc_content.weights import check_finite

Check = Callable[[Path], object]
"""More to examine of a folder; raises ModelError."""


def open_place(address: str) -> Place:
    """The place that a path or URL names.

    Raises:
        ModelError: M010 a package is missing that it needs, M011 the URL is broken.
    """
    if address.startswith("hf://"):
        from aigc_content.hub.huggingface import HubPlace

        return HubPlace(address)
    if "://" in address:
        from aigc_content.hub.remote import RemotePlace

        return RemotePlace(address)
    return FolderPlace(Path(address))


def push(folder: Path, address: str, check: Check | None = None) -> Model:
    """Send a model folder's files, with their digests, to a path or URL; return what was sent.

    Args:
        folder: model folder.
        address: a new folder, an fsspec URL such as ``s3://bucket/prefix``, or ``hf://owner/name[@branch]``.
        check: examines the copy that is sent, beside the checks of the host.

    Raises:
        ModelError: the model may not be loaded (M001 to M006), the place cannot be used (M007 to M012).
        OutputError: O011 another model is there, O012 the folder cannot be made.
    """
    place = open_place(address)
    with TemporaryDirectory(prefix="aigc-push-") as temporary:
        staged = Path(temporary, folder.resolve().name)
        staged.mkdir()
        with _shown_as(staged, str(folder)):
            source = FolderPlace(folder)
            source.fetch(_wanted(source), staged)
            model = _checked(staged, check)
            write_digests(staged)  # anew, for a card may have been corrected
        place.store(staged, (*FILES, DIGESTS))
    return replace(model, path=folder)


def pull(address: str, target: Path, pinned: str | None = None, check: Check | None = None) -> Model:
    """Fetch a model from a path or URL into a new folder; return it.

    Args:
        address: as `push` takes it.
        target: new or empty folder, or one that holds the same files already.
        pinned: the model's digest (`Model.digest`) that it must have, 64 hex digits.
        check: examines the folder before it takes its name, beside the checks of the host.

    Raises:
        UsageError: U012, ``pinned`` is no digest.
        ModelError: the model may not be loaded (M001 to M006), the place cannot be used (M007 to M012).
        OutputError: O011 something else is there, O012 the folder cannot be made.
    """
    if pinned is not None and not re.fullmatch(r"[0-9a-f]{64}", pinned):
        remedy = "copy it whole, as `aigc models list --json` or `aigc models push` prints it"
        raise UsageError("U012", f"{pinned!r} is no digest", where="--digest", allowed="64 hex digits", remedy=remedy)
    place = open_place(address)
    with beside(target) as fetched:
        with _shown_as(fetched, address):
            place.fetch(_wanted(place), fetched)
            check_digests(fetched, {name: sha256_file(fetched / name) for name in FILES})
            model = _checked(fetched, check)
            if not (fetched / DIGESTS).exists():
                write_digests(fetched)
            if pinned not in {None, model.digest}:
                raise ModelError(
                    "M006",
                    f"is a model with digest {model.digest}",
                    where=address,
                    allowed=f"{pinned}, as --digest says",
                    remedy="find out why it changed before you trust it",
                )
        move_in(fetched, target)
    return inspect(target)


def _wanted(place: Place) -> Sequence[str]:
    """Which files to fetch: those of a model, none longer than it may be."""
    sizes = place.sizes()
    require(place.name, sizes)
    for name, limit in LIMITS.items():
        size = sizes.get(name)
        if size is not None and size > limit:
            raise too_large(name, place.name, size)
    return [name for name in LIMITS if name in sizes]


def _checked(folder: Path, check: Check | None) -> Model:
    """Examine a folder of files that came from elsewhere."""
    model = inspect(folder)
    check_finite(folder / WEIGHTS)
    if check is not None:
        check(folder)
    return model


@contextmanager
def _shown_as(folder: Path, name: str) -> Iterator[None]:
    """Errors inside name ``name``, not the temporary folder that stands for it."""
    try:
        yield
    except ModelError as error:
        where = error.where.replace(str(folder), name.rstrip("/")) or name
        raise ModelError(error.code, error.found, where=where, allowed=error.allowed, remedy=error.remedy) from error
