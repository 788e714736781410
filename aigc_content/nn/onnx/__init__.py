"""Write a network for engines that run ONNX: the same function in float32, with its bounds, without its rounding.

Weights are the stored integers times their scales. So the result is close to the integer run's, not the same bits: an
asset that must be reproducible is made by this toolkit, not by the exported file. Opset 15 and operators that engines
know; the file says what it came from (name, digest, license, training data).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from aigc_content.errors import ModelError, OutputError
from aigc_content.models import Model
from aigc_content.nn import modelfile, networks
from aigc_content.nn.unet import UNetConfig

INSTALL = "pip install 'aigc-content[onnx]'"


def export(model: Model, path: Path, name: str = networks.MAIN) -> None:
    """Write a model's network as an ONNX file.

    Args:
        model: whose folder describes its networks as `aigc_content.nn.networks` tells.
        path: file to write; one that is there already must have the same bytes.
        name: which of the model's networks.

    Raises:
        ModelError: the model may not be loaded; M010 the package onnx is missing; M013 there is no such network.
        OutputError: O011 another file is there, O012 it cannot be written.
    """
    data = to_bytes(model, name)
    try:
        if path.exists():
            if path.read_bytes() != data:
                raise OutputError(
                    "O011", f"{str(path)!r} is there already", remedy="name a new file, or remove that one"
                )
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as error:
        raise OutputError(
            "O012", f"cannot be made: {error.strerror}", where=str(path), remedy="check the path and its permissions"
        ) from None


def to_bytes(model: Model, name: str = networks.MAIN) -> bytes:
    """The ONNX file of a model's network; equal models give equal bytes.

    Raises:
        ModelError: as `export`.
    """
    config, tensors = modelfile.load(model.path)
    known = networks.names(config)
    if name not in known:
        raise ModelError(
            "M013",
            f"has no network {name!r} that can be exported",
            where=str(model.path),
            allowed=", ".join(known)
            or f"a model whose config.json describes a network ({', '.join(networks.FORMATS)})",
            remedy="name one with --network" if known else "export another model",
        )
    try:
        from aigc_content.nn.onnx.graph import Graph
    except ImportError as error:
        raise ModelError("M010", f"needs a package that is not installed: {error}", remedy=INSTALL) from error
    from aigc_content.nn.onnx.operations import build as build_program
    from aigc_content.nn.onnx.unet import build as build_unet

    with modelfile.loading(model.path):
        stored = networks.read(config, tensors, name)
    graph = Graph()
    if isinstance(stored.plan, UNetConfig):
        build_unet(graph, stored.plan, stored.tensors)
    else:
        build_program(graph, stored.plan, stored.tensors)
    about = {"model": model.name, "network": name, "digest": model.digest, "license": model.license}
    return graph.to_bytes({**about, "trained_on": ", ".join(model.trained_on)})
