"""The sound that a page transforms and the mask that comes from it, without a page."""

import base64
import io
import types

import gradio as gr
import pytest
import torch
from PIL import Image

from studio.engine import library, masks
from studio.engine.picture import Picture
from studio.errors import StudioError
from studio.settings import GenerateSettings, MelSettings
from studio.ui.easel import MOST_BYTES, Easel, Source
from studio.ui.studio import Studio

ME = types.SimpleNamespace(session_hash="me")


@pytest.fixture
def easel(workspace):
    """An easel on which a page "me" has a sound."""
    workspace.cache.mkdir(parents=True)
    with gr.Blocks(analytics_enabled=False) as page:
        made = Easel(Studio(workspace, page, gr.Timer(3)))
    made._sources.keep("me", Source("token", workspace.root / "a.wav", ("embedded", "cpu", ""), 1, (128, 128), {}))
    return made


def png(size=(8, 4), value=255):
    written = io.BytesIO()
    Image.new("L", size, value).save(written, format="PNG")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def paint(easel, mask, serial=1, token="token"):
    easel.painted(ME, gr.EventData(None, {"token": token, "serial": serial, "mask": mask}))
    return easel.source("me").mask


def test_a_painted_mask_is_kept_as_a_picture_inside_the_cache(easel):
    path = paint(easel, png())
    assert path.is_relative_to(easel.studio.workspace.cache)
    assert masks.read(path).shape == (4, 8) and masks.read(path).min() == 1


def test_an_empty_mask_takes_the_file_away(easel):
    path = paint(easel, png())
    assert paint(easel, "", serial=2) is None and not path.exists()


def test_what_is_older_or_of_another_sound_changes_nothing(easel):
    path = paint(easel, png(value=255), serial=5)
    before = path.read_bytes()
    assert paint(easel, png(value=0), serial=4) == path
    assert paint(easel, png(value=0), serial=9, token="other") == path
    assert path.read_bytes() == before


@pytest.mark.parametrize("mask", [
    "/etc/passwd", "data:image/png;base64,", "data:image/png;base64,####", "data:image/svg+xml;base64,PHN2Zz4=", 7,
    ["x"], "data:image/png;base64," + base64.b64encode(b"GIF89a no picture").decode(),
    "data:image/png;base64," + "A" * MOST_BYTES, png((6000, 6000))])
def test_what_is_no_picture_of_a_mask_is_refused_and_leaves_no_file(easel, mask):
    with pytest.raises(StudioError, match="mask"):
        paint(easel, mask)
    assert easel.source("me").mask is None
    assert not list(easel.studio.workspace.cache.rglob("*.png"))


def test_a_page_without_a_sound_is_told_to_bring_one(easel):
    with pytest.raises(StudioError, match="drop one on the page"):
        easel.source("somebody else")
    easel.painted(types.SimpleNamespace(session_hash="nobody"), gr.EventData(None, {"token": "t", "serial": 1,
                                                                                    "mask": png()}))


def test_a_take_that_gets_another_name_is_still_what_is_painted_on(easel, workspace):
    mel = MelSettings(iterations=1)
    take = library.keep(0.5 * torch.rand(4000), Picture(torch.zeros(128, 128, dtype=torch.uint8), 0.0, 4000, mel),
                        library.recipe_for(GenerateSettings(prompt="kick", seed=1), "generate", mel),
                        workspace.takes, "a")
    list(easel.take(ME, gr.EventData(None, {"id": take.path.name}), "embedded", "cpu", ""))
    source = easel.source("me")
    library.rename(take, "other")
    assert source.path.is_file() and source.path.stem == "a"
