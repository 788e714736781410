"""``aigc sprites tileset``: the sprites of a build as a tileset of the levels plugin, through files alone.

The format is that of ``tileset:`` in a recipe of levels: a picture cut into tiles, and a YAML file that says which
tile shows what. Sprites take the place of a base tileset's looks job by job: those of the job ``enemy`` show enemies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
import yaml

from aigc_content import InputError, did_you_mean, encode_png
from aigc_sprites.formats.frames import TEXT
from aigc_sprites.palette_files import picture_pixels
from aigc_sprites.sprite import Sprite

COLUMNS = 16
Pixels = npt.NDArray[np.uint8]

app = typer.Typer(help="Tools for sprites.", no_args_is_help=True)


@app.callback()
def _sprites() -> None:
    """Tools for sprites."""


@app.command()
def tileset(
    out: Annotated[Path, typer.Argument(help="The output folder of a build of sprites.")],
    base: Annotated[Path, typer.Option(help="The .tileset.yaml whose looks are replaced.")],
    to: Annotated[Path, typer.Option(help="The .tileset.yaml to write; its picture goes beside it.")],
) -> None:
    """Put the sprites of a build into a tileset: those of the job `enemy` show enemies, and so on."""
    drawn = sprites_of(out)
    text, picture = combined(base, drawn, to.name.partition(".")[0] + ".png")
    to.parent.mkdir(parents=True, exist_ok=True)
    _write(to.parent / (to.name.partition(".")[0] + ".png"), picture)
    _write(to, text)
    typer.echo(f"{sum(map(len, drawn.values()))} sprites for {', '.join(drawn)}: {to}")


def sprites_of(out: Path) -> dict[str, list[Pixels]]:
    """The first frame of every figure of a build, RGBA, by job.

    Raises:
        InputError: SPR012, there is no build, it has no sprites, or they are of several sizes.
    """
    remedy = "name the output folder of a build of sprites"
    found: dict[str, list[Pixels]] = {}
    try:
        for line in (out / "manifest.jsonl").read_text("utf-8").splitlines():
            entry = json.loads(line)
            for file in entry["files"]:
                if file.get("schema") == Sprite.SCHEMA:
                    sprite = Sprite.model_validate_json((out / file["path"]).read_bytes())
                    found.setdefault(entry["job"], []).extend(
                        sprite.colors[sprite.flat(figure, figure.frames[0])] for figure in sprite.figures
                    )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("SPR012", f"cannot be read: {error}", where=str(out), remedy=remedy) from None
    sizes = sorted({picture.shape[0] for pictures in found.values() for picture in pictures})
    if len(sizes) != 1:
        told = f"has sprites of {' and '.join(map(str, sizes))} pixels" if sizes else "holds no sprites"
        raise InputError("SPR012", told, where=str(out), allowed="sprites of one size", remedy=remedy)
    return found


def combined(base: Path, drawn: Mapping[str, Sequence[Pixels]], image: str) -> tuple[bytes, bytes]:
    """A tileset's YAML text and its picture.

    Args:
        base: the tileset whose looks are kept where nothing is drawn; its tiles are enlarged in whole steps.
        drawn: RGBA pictures of one size by the name of what they show.
        image: name of the picture.

    Raises:
        InputError: SPR013, the base cannot be used, or has no such name; SPR007, SPR008, its picture.
    """
    where = str(base)
    try:
        told = yaml.safe_load(base.read_text("utf-8"))
        looks, old = dict(told["tiles"]), int(told["tile_size"])
        margin, spacing = int(told.get("margin", 0)), int(told.get("spacing", 0))
        sheet = picture_pixels((base.parent / told["image"]).read_bytes(), where)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        remedy = "name a tileset of the levels plugin with square tiles"
        raise InputError("SPR013", f"is no tileset: {error}", where=where, remedy=remedy) from None
    size = next(iter(drawn.values()))[0].shape[0]
    if size % old:
        remedy = f"make sprites of {old} or {3 * old} pixels" if old in (16, 24) else "take another base"
        found = f"has tiles of {old} pixels, of which {size} is no multiple"
        raise InputError("SPR013", found, where=where, remedy=remedy)
    step = old + spacing
    tiles = [
        sheet[y : y + old, x : x + old].repeat(size // old, axis=0).repeat(size // old, axis=1)
        for y in range(margin, sheet.shape[0] - old + 1, step)
        for x in range(margin, sheet.shape[1] - old + 1, step)
    ]
    for name, pictures in drawn.items():
        if name not in looks:
            remedy = did_you_mean(name, list(looks), "name the job after what its sprites show")
            allowed = ", ".join(looks)
            raise InputError("SPR013", f"shows no {name!r}", where=where, allowed=allowed, remedy=remedy)
        looks[name] = _look(looks[name], [len(tiles) + place for place in range(len(pictures))])
        tiles += pictures
    page = np.zeros((-(-len(tiles) // COLUMNS) * size, COLUMNS * size, 4), np.uint8)
    for place, tile in enumerate(tiles):
        y, x = (part * size for part in divmod(place, COLUMNS))
        page[y : y + size, x : x + size] = tile
    text = yaml.safe_dump({"image": image, "tile_size": size, "tiles": looks}, sort_keys=False, width=110)
    return text.encode(), encode_png(page, text=TEXT)


def _look(old: Any, numbers: list[int]) -> dict[str, Any]:
    """What shows a tile now: the same layer over the same ground."""
    kept = {key: old[key] for key in ("layer", "under") if key in old} if isinstance(old, dict) else {}
    return {**kept, "variants": numbers}


def _write(path: Path, data: bytes) -> None:
    """A file as a whole, or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        remedy = "free some space, or name another folder"
        raise InputError("SPR014", f"cannot be written: {error.strerror}", where=str(path), remedy=remedy) from None
