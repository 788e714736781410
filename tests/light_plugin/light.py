"""A light generator for the host's tests: words drawn from numbers, with every fault that a plugin can have on
order.

It is a loose plugin (``AIGC_PLUGINS_DIR=tests/light_plugin``) and needs no torch.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aigc_content import (
    AssetModel,
    ExporterSpec,
    File,
    Generator,
    GeneratorSpec,
    Infeasible,
    InputFile,
    Origin,
    Params,
    Preview,
    Request,
    Verdict,
    hookimpl,
)


class LightParams(Params):
    length: int = 8
    letters: str = "abcdefghij"
    fail_percent: int = 0  # attempts that are infeasible
    wrong_percent: int = 0  # attempts whose proof is false
    milliseconds: float = 0
    word_list: InputFile | None = None
    crash_mark: str = ""  # a worker dies at the first attempt while this file does not exist; it is made first
    crash_percent: int = 0  # attempts at which the worker always dies
    raise_percent: int = 0  # attempts that raise
    log: str = ""  # a file to which each attempt and export appends a line
    exports: str = ""  # what the exporters do wrong


class Word(AssetModel):
    text: str
    proof: int


def log(params: LightParams, line: str) -> None:
    if params.log:
        with Path(params.log).open("a") as file:
            file.write(line + "\n")


class Light(Generator[LightParams, Word]):
    revision = 1
    batch = 16
    asset_schema = "light/word-1"
    asset_suffix = ".word.json"

    def generate_batch(self, requests: Sequence[Request[LightParams]]) -> list[Word | Infeasible]:
        params = requests[0].params
        log(params, f"make {os.getpid()} {len(requests)}")
        if params.milliseconds:
            time.sleep(params.milliseconds * len(requests) / 1000)
        if params.crash_mark and not Path(params.crash_mark).exists():
            Path(params.crash_mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [self.generate(request) for request in requests]

    def generate(self, request: Request[LightParams]) -> Word | Infeasible:
        params, rng = request.params, request.rng
        luck = rng.integer(100)
        if luck < params.crash_percent:
            os.kill(os.getpid(), signal.SIGKILL)
        if luck < params.raise_percent:
            raise RuntimeError(f"no luck: {luck}")
        if luck < params.fail_percent:
            return Infeasible("unlucky", f"luck was {luck}")
        letters = params.word_list.text().strip() if params.word_list else params.letters
        text = "".join(letters[index] for index in rng.integers(len(letters), params.length))
        wrong = luck < params.fail_percent + params.wrong_percent
        return Word(text=text, proof=len(set(text)) + wrong)

    def verify(self, asset: Word, params: LightParams) -> Verdict:
        if asset.proof != len(set(asset.text)):
            return Verdict(False, "proof", f"{asset.proof} is not the number of letters")
        return Verdict(True, evidence={"letters": asset.proof})

    def measure(self, asset: Word) -> Mapping[str, int | float | str]:
        return {"letters": asset.proof, "share": asset.proof / len(asset.text), "first": asset.text[0]}

    def fingerprints(self, asset: Word) -> Iterable[bytes]:
        yield asset.text.encode()

    def preview(self, asset: Word, params: LightParams) -> Preview:
        head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 20">'
        picture = f"{head}<text y='15'>{asset.text}</text></svg>"
        overlay = f'{head}<path d="M0 18h{asset.proof * 8}" stroke="red"/></svg>'
        return Preview("image/svg+xml", picture.encode(), overlay.encode())


def text(asset: Word, params: LightParams, id: str) -> Iterable[File]:
    log(params, f"export {os.getpid()} {id}")
    yield File(".txt", f"{asset.text}\n".encode())


def alphabet(asset: Word, params: LightParams, id: str) -> Iterable[File]:
    yield File(".up.txt", asset.text.upper().encode())
    differs = id if params.exports == "disagree" else ""
    yield File("alphabet.txt", f"{params.letters}{differs}\n".encode(), shared=True)


def shout(asset: Word, params: LightParams, id: str) -> Iterable[File]:
    yield File(".TXT", asset.text.upper().encode())


def clash(asset: Word, params: LightParams, id: str) -> Iterable[File]:
    yield File(".txt", b"something else")


def escape(asset: Word, params: LightParams, id: str) -> Iterable[File]:
    yield File(
        "/../../../escaped.txt" if params.exports != "shared" else "../x", b"", shared=params.exports == "shared"
    )


def book(assets: list[tuple[Word, str]], params: LightParams, job: str) -> Iterable[File]:
    log(params, f"book {os.getpid()} {job}")
    yield File("book.txt", "".join(f"{id} {asset.text}\n" for asset, id in assets).encode())


def picture(asset: Word, params: LightParams, id: str) -> Iterable[File]:
    yield File(".svg", Light().preview(asset, params).data)


def source(asset: Word, params: LightParams, origin: Origin) -> Iterable[File]:
    yield File(".source.json", json.dumps(vars(origin)).encode())


@hookimpl
def aigc_generators() -> list[GeneratorSpec]:
    return [GeneratorSpec("light", "words", "light:Light")]


@hookimpl
def aigc_exporters() -> list[ExporterSpec]:
    names = dict.fromkeys(("text", "alphabet", "shout", "clash", "escape", "picture"), "asset") | {"book": "job"}
    specs = [ExporterSpec(name, name, f"light:{name}", "light", per=per) for name, per in names.items()]
    return [*specs, ExporterSpec("source", "source", "light:source", "light", origin=True)]
