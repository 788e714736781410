"""Discover plugins, isolate the broken ones, resolve a name to the thing that it names.

A plugin registers a module under the entry point group ``aigc_content``, or lies as ``name.py`` or as a package
``name/`` (its hooks in ``name/plugin.py`` or ``name/__init__.py``) in a folder given by ``--plugins-dir DIR`` or
``AIGC_PLUGINS_DIR``, which workers inherit. Hooks run once a process and return light specifications; what they
name is imported when it is used. A plugin whose import or hook fails is disabled alone and listed in
`Registry.broken`. ``AIGC_DISABLE_PLUGINS=name,name`` skips plugins without importing them.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from aigc_content import hookspecs
from aigc_content.errors import PluginError, did_you_mean
from aigc_content.hookspecs import GROUP, CommandSpec, DatasetSpec, ExporterSpec, GeneratorSpec

if TYPE_CHECKING:
    from aigc_content.generator import Generator, Trainer

DIR_VARIABLE = "AIGC_PLUGINS_DIR"
DISABLE_VARIABLE = "AIGC_DISABLE_PLUGINS"
HOST_COMMANDS = (
    "build",
    "data",
    "doctor",
    "evaluate",
    "explain",
    "gallery",
    "generate",
    "keep",
    "lock",
    "models",
    "plugins",
    "schema",
    "train",
    "tune",
    "validate",
    "verify",
)
"""Names that no plugin's command may take, those of later versions included."""

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*\Z")
_HOOKS: Mapping[str, type] = {
    "aigc_generators": GeneratorSpec,
    "aigc_exporters": ExporterSpec,
    "aigc_datasets": DatasetSpec,
    "aigc_commands": CommandSpec,
}

S = TypeVar("S")


@dataclass(frozen=True)
class PluginInfo:
    """Where a specification comes from.

    Attributes:
        name: the distribution, or the module of a loose file.
        version: the distribution's, or the module's ``__version__``, or ``0``.
        module: the module that holds the hooks.
        place: ``entry point`` or the path of the loose file.
    """

    name: str
    version: str
    module: str
    place: str = "entry point"


@dataclass(frozen=True)
class Broken:
    """A plugin that is disabled because it failed."""

    plugin: PluginInfo
    reason: str


@dataclass(frozen=True)
class Registry:
    """What all plugins bring.

    Attributes:
        generators, datasets, commands: specification and origin by name.
        exporters: the same by (generator, name): two generators may each have a ``png``.
        plugins: those that work.
        broken: those that do not, with the reason.
    """

    generators: dict[str, tuple[GeneratorSpec, PluginInfo]] = field(default_factory=dict)
    exporters: dict[tuple[str, str], tuple[ExporterSpec, PluginInfo]] = field(default_factory=dict)
    datasets: dict[str, tuple[DatasetSpec, PluginInfo]] = field(default_factory=dict)
    commands: dict[str, tuple[CommandSpec, PluginInfo]] = field(default_factory=dict)
    plugins: list[PluginInfo] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def generator_spec(self, name: str) -> tuple[GeneratorSpec, PluginInfo]:
        """The specification of a generator.

        Raises:
            PluginError: P001, no plugin brings it.
        """
        return self._find("generator", name, self.generators)

    def generator(self, name: str) -> type[Generator[Any, Any]]:
        """The class of a generator, imported now.

        Raises:
            PluginError: P001 unknown, P003 its module fails, P004 it is no complete `Generator`.
        """
        from aigc_content.generator import AssetModel, Generator, Params

        spec, info = self.generator_spec(name)
        target = load_target(spec.target, info)
        if not (isinstance(target, type) and issubclass(target, Generator)):
            raise _wrong_target(spec.target, info, "a subclass of aigc_content.Generator")
        for attribute, base in (("params_type", Params), ("asset_type", AssetModel)):
            found = getattr(target, attribute, None)
            if not (isinstance(found, type) and issubclass(found, base)):
                wanted = f"Generator[YourParams, YourAsset] with subclasses of {base.__name__}"
                raise _wrong_target(spec.target, info, wanted)
        if target.__abstractmethods__:
            missing = ", ".join(sorted(target.__abstractmethods__))
            raise _wrong_target(spec.target, info, f"a class that defines {missing}")
        return target

    def trainer(self, name: str) -> type[Trainer[Any]]:
        """The trainer of a generator, imported now.

        Raises:
            PluginError: as `generator`, or P005, the generator has no trainer.
        """
        from aigc_content.generator import Trainer

        spec, info = self.generator_spec(name)
        if spec.trainer is None:
            raise PluginError("P005", f"generator {name!r} has no trainer", where=info.name)
        target = load_target(spec.trainer, info)
        if not (isinstance(target, type) and issubclass(target, Trainer) and hasattr(target, "config_type")):
            raise _wrong_target(spec.trainer, info, "a subclass of aigc_content.Trainer[YourConfig]")
        return target

    def exporter_spec(self, generator: str, name: str) -> ExporterSpec:
        """The specification of one of a generator's exporters.

        Raises:
            PluginError: P002, the generator has no such exporter.
        """
        own = {short: entry for (owner, short), entry in self.exporters.items() if owner == generator}
        if name not in own:
            elsewhere = sorted(owner for owner, short in self.exporters if short == name)
            found = f"generator {generator!r} has no exporter {name!r}"
            if elsewhere:
                found += f"; that one is for {', '.join(elsewhere)}"
            raise PluginError("P002", found, allowed=", ".join(sorted(own)) or "none", remedy=did_you_mean(name, own))
        return own[name][0]

    def dataset(self, name: str) -> Callable[[Path, Path], None]:
        """The importer of a data set, imported now.

        Raises:
            PluginError: P001 unknown, P003 its module fails.
        """
        spec, info = self._find("dataset", name, self.datasets)
        function: Callable[[Path, Path], None] = _callable(spec.target, info)
        return function

    def command(self, name: str) -> Any:
        """The Typer app of a plugin's command, imported now.

        Raises:
            PluginError: P001 unknown, P003 its module fails.
        """
        spec, info = self._find("command", name, self.commands)
        return load_target(spec.target, info)

    def _find(self, kind: str, name: str, table: Mapping[str, tuple[S, PluginInfo]]) -> tuple[S, PluginInfo]:
        if name in table:
            return table[name]
        remedy = did_you_mean(name, table)
        for broken in self.broken:
            if not remedy:
                remedy = f"plugin {broken.plugin.name} is disabled ({broken.reason}); see `aigc doctor`"
        raise PluginError(
            "P001",
            f"there is no {kind} {name!r}",
            allowed=", ".join(sorted(table)) or "none is installed",
            remedy=remedy or "install the plugin that brings it",
        )


def exporter_function(spec: ExporterSpec, info: PluginInfo | None = None) -> Callable[..., Any]:
    """The function of an exporter, imported now.

    Raises:
        PluginError: P003, its module fails; P004, it cannot be called.
    """
    function: Callable[..., Any] = _callable(spec.target, info)
    return function


def load_target(target: str, info: PluginInfo | None = None) -> Any:
    """Import what ``"package.module:name"`` names.

    Raises:
        PluginError: P003, the module fails or lacks the name.
    """
    module, _, attribute = target.partition(":")
    owner = info.name if info else module.partition(".")[0]
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(
            "P003",
            f"{target!r} cannot be loaded: {_reason(error)}",
            where=f"plugin {owner}",
            remedy="update or reinstall the plugin, or tell its author",
        ) from error
    return found


def discover() -> Registry:
    """All plugins of this process; found once, again only when the two environment variables change.

    Raises:
        PluginError: P006, two plugins (or a plugin and the host) claim one name; P007, ``--plugins-dir`` names no
            folder.
    """
    return _discover(os.environ.get(DIR_VARIABLE, ""), os.environ.get(DISABLE_VARIABLE, ""))


@lru_cache(maxsize=8)
def _discover(folders: str, disabled: str) -> Registry:
    registry = Registry()
    skipped = {name.strip() for name in disabled.split(",") if name.strip()}
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    for info, short, load in [*_installed(), *_loose(folders)]:
        if skipped & {short, info.name, info.module}:
            continue
        try:
            brought = _collect(manager, info, load)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            registry.broken.append(Broken(info, _reason(error)))
            continue
        registry.plugins.append(info)
        for spec in brought:
            _enter(registry, spec, info)
    return registry


def _installed() -> Iterator[tuple[PluginInfo, str, Callable[[], Any]]]:
    seen: set[tuple[str, str]] = set()
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if (point.name, point.value) in seen:  # an editable install and its build folder may both list it
            continue
        seen.add((point.name, point.value))
        name = point.dist.name if point.dist else point.name
        version = point.dist.version if point.dist else "0"
        yield PluginInfo(name, version, point.value), point.name, point.load


def _loose(folders: str) -> Iterator[tuple[PluginInfo, str, Callable[[], Any]]]:
    for folder in (Path(part) for part in folders.split(os.pathsep) if part):
        if not folder.is_dir():
            raise PluginError(
                "P007", f"there is no folder {str(folder)!r}", where="--plugins-dir", remedy="check the path"
            )
        root = folder.resolve()
        if str(root) not in sys.path:
            sys.path.append(str(root))
        for path in sorted(root.iterdir()):
            is_package = (path / "__init__.py").is_file()
            if path.stem.isidentifier() and (is_package or path.suffix == ".py"):
                module = f"{path.stem}.plugin" if (path / "plugin.py").is_file() else path.stem
                yield PluginInfo(path.stem, "0", module, str(path)), path.stem, _loader(path, module)


def _loader(path: Path, name: str) -> Callable[[], Any]:
    def load() -> Any:
        module = importlib.import_module(name)
        origin = Path(module.__file__ or "").resolve()
        if origin != path and path not in origin.parents:
            raise ImportError(f"the name {path.stem!r} is taken by {origin}")
        return module

    return load


def _collect(manager: pluggy.PluginManager, info: PluginInfo, load: Callable[[], Any]) -> list[Any]:
    module = load()
    manager.register(module, name=f"{info.name}:{info.module}")
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        manager.unregister(module)
        raise
    brought: list[Any] = []
    for hook, kind in _HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is not module:
                continue
            result = implementation.function()
            if not isinstance(result, list) or not all(isinstance(spec, kind) for spec in result):
                raise TypeError(f"{hook} must return a list of {kind.__name__}")
            for spec in result:
                if not _NAME.match(spec.name) or ":" not in spec.target:
                    raise ValueError(f"{kind.__name__} {spec.name!r}: names are a-z 0-9 - _, targets module:name")
            brought.extend(result)
    return brought


def _enter(registry: Registry, spec: Any, info: PluginInfo) -> None:
    table: dict[Any, Any]
    name: Any = spec.name
    kind = type(spec).__name__.removesuffix("Spec").lower()
    if isinstance(spec, GeneratorSpec):
        table = registry.generators
    elif isinstance(spec, ExporterSpec):
        table, name = registry.exporters, (spec.generator, spec.name)
    elif isinstance(spec, DatasetSpec):
        table = registry.datasets
    else:
        table = registry.commands
    first = table[name][1].name if name in table else ""
    if table is registry.commands and name in HOST_COMMANDS:
        first = "aigc-content"
    if first:
        raise PluginError(
            "P006",
            f"{kind} {spec.name!r} is claimed by {first} and by {info.name}",
            allowed="one plugin a name",
            remedy=f"uninstall one of them, or set {DISABLE_VARIABLE}={info.name}",
        )
    table[name] = (spec, info)


def _callable(target: str, info: PluginInfo | None) -> Any:
    found = load_target(target, info)
    if not callable(found):
        raise _wrong_target(target, info, "a function")
    return found


def _wrong_target(target: str, info: PluginInfo | None, wanted: str) -> PluginError:
    return PluginError(
        "P004",
        f"{target!r} is not what it should be",
        where=f"plugin {info.name}" if info else "",
        allowed=wanted,
        remedy="tell the plugin's author; `aigc plugins check NAME` shows more",
    )


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
