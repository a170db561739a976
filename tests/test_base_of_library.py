"""A base of one's own library: the recipe learns from prepared sounds instead of the synthesiser's."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from test_base import RATE, SMALL, load, threads  # noqa: F401 - the last is a fixture of every test

from studio.engine import audio, dataset, preparation, synth
from studio.engine.base import material, recipe
from studio.engine.base.plan import LIBRARY_ROLE, Plan
from studio.errors import StudioError
from studio.settings import MelSettings, PrepareSettings


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of 44 sounds."""
    folder = tmp_path_factory.mktemp("library")
    for number, (stem, waveform) in enumerate(synth.demo_kit()[:44]):
        audio.write(folder / "sounds" / f"{stem} {number}.wav", waveform[None], RATE)
    preparation.prepare([folder / "sounds"], folder / "dataset", SMALL.mel, PrepareSettings())
    return folder / "dataset"


def of_library(folder: Path) -> Plan:
    return dataclasses.replace(SMALL, dataset=str(folder), roles=(LIBRARY_ROLE,))


def test_a_library_takes_the_place_of_the_synthesiser(library, tmp_path):
    plan = of_library(library)
    assert Plan.of_library(library, SMALL.mel, vae_crop=16).roles == plan.roles
    recipe.build(tmp_path / "out", tmp_path / "work", plan)
    learned = material.load(tmp_path / "work" / "material", "train", plan)
    held_out = material.load(tmp_path / "work" / "material", "held_out", plan)
    assert len(held_out.pixels) == 3 and len(learned.pixels) == 41
    assert any("snare" in caption.full() for caption in learned.captions)
    assert all(caption.names[0] and "," not in caption.names[0] for caption in learned.captions)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "library of sounds" in card and "synthesiser" not in card
    assert load(tmp_path / "out")("kick", num_inference_steps=2, output_type="pt").images.isfinite().all()


def test_a_library_that_does_not_fit_or_is_too_small_is_refused(library, tmp_path):
    with pytest.raises(StudioError, match="other mel settings"):
        material.make(tmp_path, dataclasses.replace(of_library(library), mel=MelSettings()))
    rows = dataset.load(library).one_shots
    few = tmp_path / "few"
    shutil.copytree(library, few)
    dataset.revise(few, [dataclasses.replace(row, enabled=False) for row in rows[:10]])
    with pytest.raises(StudioError, match="34 sounds are too few"):
        material.make(tmp_path, of_library(few))
