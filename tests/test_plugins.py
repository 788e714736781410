"""Discovery: what plugins bring, and that a bad one harms only itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aigc_content.errors import PluginError
from aigc_content.plugins import Registry, discover, exporter_function

HEAD = "from aigc_content.hookspecs import *\n"


@pytest.fixture
def loose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Registry]]:
    """Write plugins as loose files (name to source) and discover them alone."""
    before, path = set(sys.modules), list(sys.path)
    monkeypatch.setenv("AIGC_DISABLE_PLUGINS", "levels, digits, sprites")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(**sources: str) -> Registry:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(HEAD + source)
        monkeypatch.setenv("AIGC_PLUGINS_DIR", str(tmp_path))
        return discover()

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def generators(*specs: str) -> str:
    listed = ", ".join(f"GeneratorSpec({spec})" for spec in specs)
    return f"@hookimpl\ndef aigc_generators():\n    return [{listed}]\n"


def test_first_party_plugin_comes_by_entry_point() -> None:
    registry = discover()
    spec, info = registry.generators["levels"]
    assert spec.target == "aigc_levels.generator:Levels"
    assert (info.name, info.version) == ("aigc-levels", "0.1.0")
    assert ("levels", "tiled") in registry.exporters
    assert discover() is registry


def test_loose_package_comes_by_folder(names_plugin: Path) -> None:
    registry = discover()
    assert registry.generator("names").__name__ == "Names"
    assert registry.trainer("names").__name__ == "NameTrainer"
    assert exporter_function(registry.exporter_spec("names", "csv")).__name__ == "csv"


def test_disabled_plugin_is_not_imported(loose: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_DISABLE_PLUGINS", "levels, digits, sprites, bad_one")
    registry = loose(bad_one="raise RuntimeError('must not run')\n")
    assert not registry.broken
    assert "bad_one" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('import fails')\n", "RuntimeError: import fails"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("import no_such_module_at_all\n", "ModuleNotFoundError"),
        ("def (:\n", "SyntaxError"),
        ("@hookimpl\ndef aigc_generators():\n    raise SystemExit\n", "SystemExit"),
        ("@hookimpl\ndef aigc_generators():\n    return 1 / 0\n", "ZeroDivisionError"),
        ("@hookimpl\ndef aigc_generators():\n    return None\n", "must return a list of GeneratorSpec"),
        ("@hookimpl\ndef aigc_generators():\n    return ['levels']\n", "must return a list of GeneratorSpec"),
        ("@hookimpl\ndef aigc_generators(wrong):\n    return []\n", "PluginValidationError"),
        ("@hookimpl\ndef aigc_generator():\n    return []\n", "PluginValidationError"),
        (generators("'Bad Name', '', 'a:b'"), "names are a-z 0-9 - _"),
        (generators("'bad', '', 'no_colon'"), "targets module:name"),
    ],
)
def test_broken_plugin_is_disabled_alone(loose: Callable[..., Registry], source: str, reason: str) -> None:
    registry = loose(broken_one=source, good_one=generators("'good', 'works', 'good_one:Good'"))
    assert [item.plugin.name for item in registry.broken] == ["broken_one"]
    assert reason in registry.broken[0].reason
    assert [info.name for info in registry.plugins] == ["good_one"]
    assert list(registry.generators) == ["good"]


def test_hooks_run_once_a_process(loose: Callable[..., Registry], tmp_path: Path) -> None:
    log = tmp_path / "log"
    source = f"@hookimpl\ndef aigc_generators():\n    open({str(log)!r}, 'a').write('x')\n    return []\n"
    loose(once=source)
    discover()
    discover()
    assert log.read_text() == "x"


def test_name_claimed_twice_names_both(loose: Callable[..., Registry]) -> None:
    source = generators("'tunes', '', 'a:b'")
    with pytest.raises(PluginError) as caught:
        loose(one=source, two=source)
    assert caught.value.code == "P006"
    assert "one" in caught.value.found
    assert "two" in caught.value.found


def test_name_of_ours_cannot_be_taken(loose: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIGC_DISABLE_PLUGINS")
    with pytest.raises(PluginError) as caught:
        loose(other=generators("'levels', '', 'a:b'"))
    assert caught.value.code == "P006"
    assert "aigc-levels" in caught.value.found


def test_command_of_the_host_cannot_be_taken(loose: Callable[..., Registry]) -> None:
    with pytest.raises(PluginError) as caught:
        loose(taker="@hookimpl\ndef aigc_commands():\n    return [CommandSpec('build', '', 'a:b')]\n")
    assert caught.value.code == "P006"


def test_two_generators_may_have_an_exporter_of_one_name(loose: Callable[..., Registry]) -> None:
    specs = "ExporterSpec('png', '', 'a:b', 'one'), ExporterSpec('png', '', 'a:b', 'two')"
    registry = loose(both=f"@hookimpl\ndef aigc_exporters():\n    return [{specs}]\n")
    assert set(registry.exporters) == {("one", "png"), ("two", "png")}


def test_loose_file_cannot_shadow_an_installed_module(loose: Callable[..., Registry]) -> None:
    registry = loose(yaml=generators("'good', '', 'a:b'"))
    assert "is taken by" in registry.broken[0].reason


def test_missing_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIGC_PLUGINS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(PluginError) as caught:
        discover()
    assert caught.value.code == "P007"


def test_unknown_generator_is_offered_right() -> None:
    with pytest.raises(PluginError) as caught:
        discover().generator("level")
    assert caught.value.code == "P001"
    assert caught.value.allowed == "digits, levels, sprites"
    assert "did you mean 'levels'?" in str(caught.value)


def test_unknown_generator_names_a_broken_plugin(loose: Callable[..., Registry]) -> None:
    registry = loose(tunes="raise RuntimeError('no sound card')\n")
    with pytest.raises(PluginError) as caught:
        registry.generator("tunes")
    assert "no sound card" in caught.value.remedy


def test_exporter_of_another_generator_is_told(names_plugin: Path) -> None:
    with pytest.raises(PluginError) as caught:
        discover().exporter_spec("names", "tiled")
    assert caught.value.code == "P002"
    assert "that one is for levels" in caught.value.found


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("no_module_of_this_name:Thing", "P003"),
        ("json:Thing", "P003"),
        ("json:dumps", "P004"),
        ("aigc_content.generator:Generator", "P004"),
        ("aigc_content.generator:Params", "P004"),
    ],
)
def test_target_that_is_no_generator_is_refused(loose: Callable[..., Registry], target: str, code: str) -> None:
    registry = loose(wrong=generators(f"'wrong', '', {target!r}"))
    with pytest.raises(PluginError) as caught:
        registry.generator("wrong")
    assert caught.value.code == code


def test_generator_without_trainer_is_told(loose: Callable[..., Registry]) -> None:
    registry = loose(plain=generators("'plain', '', 'json:dumps'"))
    with pytest.raises(PluginError) as caught:
        registry.trainer("plain")
    assert caught.value.code == "P005"
