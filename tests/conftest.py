"""What the tests share: a tiny random base model, a workspace, and the real page in a real browser."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from page_hands import hear, keep_takes, pages_of, wait_for_pads

from studio.knobs import as_dict
from studio.settings import MelSettings
from studio.workspace import Workspace

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that reaches for the network fails at once
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.fixture(scope="session")
def quick_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base with a decoder of few rounds."""
    folder = shutil.copytree(tiny_base, tmp_path_factory.mktemp("quick") / "base")
    mel = json.loads((folder / "mel.json").read_text(encoding="utf-8"))
    (folder / "mel.json").write_text(json.dumps({**mel, "iterations": 10}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model folder of the real classes with random weights: 128×128 pictures, 16×16 latents, < 1 MB."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("bases") / "tiny"
    words = tmp_path_factory.mktemp("words")
    tokenizer = _letters(words, CLIPTokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4)
        vae = AutoencoderKL(
            sample_size=128, block_out_channels=(4, 4, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
        text_encoder = CLIPTextModel(CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=77, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id))
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                              set_alpha_to_one=False, steps_offset=1)
    StableDiffusionPipeline(vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
                            safety_checker=None, feature_extractor=None,
                            requires_safety_checker=False).save_pretrained(folder)
    (folder / "mel.json").write_text(json.dumps(as_dict(MelSettings())), encoding="utf-8")
    (folder / "plan.json").write_text("{}", encoding="utf-8")  # as the studio's own bases have one
    return folder


def _letters(folder: Path, tokenizer_class: type) -> object:
    """A CLIP tokenizer that knows single letters only: 256 bytes, each also as the end of a word, and the two marks."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return tokenizer_class(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace of its own."""
    return Workspace(tmp_path / "workspace")


# ------------------------------------------------------------------------------------------------- the real page
@dataclass(frozen=True)
class Served:
    """A studio that answers at `url`; its `base` has weights like dice and a decoder of a few rounds."""

    url: str
    workspace: Workspace
    base: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[Served]:
    """The studio, served from this process to all tests of the session."""
    from studio.ui import app, launch

    workspace = Workspace(tmp_path_factory.mktemp("studio") / "One-Shot Studio")
    base = tmp_path_factory.mktemp("bases") / "quick"
    shutil.copytree(tiny_base, base)
    (base / "mel.json").write_text(json.dumps(as_dict(MelSettings(iterations=4))), encoding="utf-8")
    page = app.build(workspace)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = launch.start(page, port=port)
    yield Served(url, workspace, base)
    page.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium without a window, as one user's context; tests that need one are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.skip("no Chromium or Chrome on this machine")
    with sync_api.sync_playwright() as playwright:
        # A profile on disk keeps compiled scripts: pages open in half the time that they take without one.
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=found, viewport={"width": 1440, "height": 900},
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"])
        yield context
        context.close()


@pytest.fixture
def open_page(browser: Any, served: Served) -> Iterator[Callable[[], Any]]:
    """Opens pages of the studio for one test; see `pages_of`."""
    with pages_of(browser, served) as opened:
        yield opened


@pytest.fixture
def page(open_page: Callable[[], Any]) -> Any:
    """One page of the studio, freshly opened."""
    return open_page()


@pytest.fixture(scope="module")
def kept_page(browser: Any, served: Served) -> Iterator[Any]:
    """One page for a whole file: to open one takes seconds."""
    with pages_of(browser, served) as opened:
        yield opened()


@pytest.fixture
def same_page(kept_page: Any) -> Any:
    """That page in front, without toasts, for tests that work on sounds of their own."""
    kept_page.bring_to_front()
    kept_page.evaluate("""() => { document.activeElement.blur();
        document.querySelectorAll('.toast-close').forEach(each => each.click()); }""")
    kept_page.wait_for_selector(".toast-body", state="detached")
    return kept_page


# -------------------------------------------------------------------------------------------- takes on the page's pads
@pytest.fixture
def pads(open_page: Callable[[], Any], served: Served) -> Any:
    """The Generate tab with twenty takes of its own, sixteen of them on pads: take 19 is the newest and on pad 1."""
    names = keep_takes(served, 20)
    return wait_for_pads(open_page(), names)


@pytest.fixture(scope="module")
def one_page(browser: Any, served: Served) -> Iterator[Any]:
    """The same for all tests of a file that leave the takes as they are."""
    names = keep_takes(served, 20)
    with pages_of(browser, served) as opened:
        yield wait_for_pads(opened(), names)


@pytest.fixture
def still(one_page: Any) -> Iterator[Any]:
    """The page of those tests, in front and silent, with its first pad chosen."""
    one_page.bring_to_front()
    one_page.evaluate("""() => { document.oneShotSpeaker.setLooped(false); document.oneShotSpeaker.setMatched(true);
        delete document.querySelector('#generate-pads .pads').dataset.played; }""")
    hear(one_page, 1)
    one_page.keyboard.press("Escape")
    yield one_page
    one_page.keyboard.press("Escape")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` are skipped, with the reason, on a machine without one."""
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
