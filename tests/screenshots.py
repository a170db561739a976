"""Pictures of every tab, dark and light, at a desk's size and a telephone's, from the real studio (`make screenshots`).

    python tests/screenshots.py [OUT] [--workspace DIR] [--only TAB] [--steps N]

OUT         : docs/screens without it
--workspace : where the studio works, as its paths appear in the pictures; a demo kit is prepared there, a LoRA trained
              and sounds are made, all of it only once
"""

import argparse
import io
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from studio import jobs, presets
from studio.engine import dataset, kit, library, preparation
from studio.engine.generation import generate
from studio.settings import GenerateSettings, PrepareSettings, TrainSettings
from studio.ui import app, launch
from studio.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"1440": (1440, 900), "390": (390, 844)}
THEMES = ("dark", "light")
COLOURS = 256  # of a picture: flat surfaces and one colour map need no more
KIT = "demo_kit"
PROMPTS = ("deep kick", "bright snare", "closed hat", "long 808")


def furnish(workspace: Workspace, steps: int) -> None:
    """A workspace as after an hour's use: a dataset, a trained LoRA, takes with stars."""
    folder = workspace.datasets / KIT
    if not (folder / "dataset.json").is_file():
        kit.write_demo_kit(workspace.kits / "demo kit")
        preparation.prepare([workspace.kits / "demo kit"], folder, presets.load("mel", "one-shot-128"),
                            PrepareSettings())
        rows = dataset.load(folder).one_shots
        assert rows
    lora = workspace.loras / "my_kit.safetensors"
    if not lora.is_file():
        settings = TrainSettings(steps=steps, preview_every=max(1, steps // 5))
        run = jobs.start_training(folder, settings, workspace.runs / "my_kit", out=lora)
        assert run.wait(lambda event: None).status == "done"
    if not list(workspace.takes.glob("*.wav")):
        for number, prompt in enumerate(PROMPTS):
            settings = GenerateSettings(prompt=prompt, count=4, seed=100 * number, lora=(f"{lora}:1",), device="cpu")
            for take in generate(settings, workspace.takes):
                library.mark(take, starred=take.seed % 100 == 1)


def open_tab(page: Page, label: str) -> None:
    """A tab, also where a narrow page has put it behind a menu."""
    tab = page.get_by_role("tab", name=label, exact=True)
    if tab.count():
        tab.click()
    else:
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown button", has_text=label).click()
    page.wait_for_selector(f"#tab-{label.lower()}", state="visible")


def look(page: Page, label: str, acts: dict[str, Callable[[Page], Any]]) -> None:
    """Open a tab, do what makes it worth a picture, and wait until the page is calm."""
    open_tab(page, label)
    if label in acts:
        acts[label](page)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_function("""() => [...document.images].every(image => image.complete)
        && !document.querySelector('.toast-body')""")
    page.evaluate("""() => new Promise(done => { let last = document.body.innerHTML.length, calm = 0;
        const look = () => { const now = document.body.innerHTML.length; calm = now === last ? calm + 1 : 0; last = now;
            calm > 20 ? done() : setTimeout(look, 100); };
        look(); })""")


def choose(page: Page, elem_id: str, wanted: str) -> None:
    """An item of a list."""
    page.click(f"#{elem_id} input")
    page.get_by_role("option", name=wanted).first.click()


ACTS: dict[str, Callable[[Page], Any]] = {
    "Dataset": lambda page: page.locator("#tab-dataset .sound .thumb").nth(2).click(),
    "Spectrogram": lambda page: (choose(page, "spectrogram-dataset", KIT), choose(page, "spectrogram-row", "snare"),
                                 page.wait_for_selector("#spectrogram-lab img, #spectrogram-lab canvas"),
                                 page.get_by_role("button", name="Hear the round trip").click(),
                                 page.wait_for_selector("#spectrogram-card .likeness_card > *")),
    "Train": lambda page: page.wait_for_selector("#run-previews .cell img"),
    "Generate": lambda page: (page.wait_for_selector("#generate-pads .pad"),
                              page.locator("#generate-pads .pad").first.click(),
                              page.wait_for_selector("#generate-detail canvas, #generate-detail img")),
    "Transform": lambda page: (open_tab(page, "Generate"), page.wait_for_selector("#generate-pads .pad"),
                               page.locator("#generate-pads .pad").nth(1).click(),
                               page.locator("#generate-detail button", has_text="Transform").click(),
                               page.wait_for_selector("#transform-brush canvas")),
    "Library": lambda page: (page.wait_for_selector("#tab-library .pad"),
                             page.locator("#tab-library .pad").first.click()),
}


def keep(png: bytes, path: Path) -> None:
    """Write a screenshot with few colours, a third of its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def shoot(url: str, out: Path, only: str) -> None:
    """All tabs × sizes × themes; says where a page scrolls sideways."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for size, (width, height) in SIZES.items():
            for theme in THEMES:
                page = browser.new_context(viewport={"width": width, "height": height}).new_page()
                page.set_default_timeout(120_000)
                page.goto(url)
                page.evaluate("theme => localStorage.setItem('studio-theme', theme)", theme)
                page.goto(f"{url}?__theme={theme}")
                page.wait_for_function("document.querySelector('#header-note')?.innerText.includes('base')")
                for row in app.TABS:
                    if only.lower() in row.label.lower():
                        look(page, row.label, ACTS)
                        keep(page.screenshot(full_page=size == "390"), out / f"{row.label.lower()}-{size}-{theme}.png")
                        wide, tall = page.evaluate("[document.documentElement.scrollWidth - innerWidth, "
                                                   "document.documentElement.scrollHeight - innerHeight]")
                        print(f"{row.label} {size} {theme}: {wide} px too wide, {tall} px too tall", flush=True)
                page.context.close()
        browser.close()


def main(options: argparse.Namespace) -> None:
    """Furnish, serve, shoot."""
    workspace = Workspace(options.workspace.expanduser().resolve())
    furnish(workspace, options.steps)
    page = app.build(workspace)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shoot(launch.start(page, port=port), options.out, options.only)
    page.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "docs" / "screens")
    parser.add_argument("--workspace", type=Path, default=ROOT / "build" / "screenshots" / "One-Shot Studio")
    parser.add_argument("--only", default="", metavar="TAB")
    parser.add_argument("--steps", type=int, default=100, help="of the LoRA's training")
    main(parser.parse_args())
