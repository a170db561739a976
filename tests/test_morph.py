"""Ways between sounds: rows and fields of one-shots, from words, seeds, LoRAs or sounds."""

from pathlib import Path

import pytest
import torch

from studio.engine import audio, loras, way
from studio.engine.generation import generate
from studio.engine.morph import morph
from studio.engine.way import slerp
from studio.errors import StudioError
from studio.settings import GenerateSettings, MorphSettings

RATE = 44100


@pytest.fixture(scope="module")
def quick(quick_base: Path) -> dict:
    """Settings of the tiny base with a decoder of few rounds."""
    return {"base": str(quick_base), "device": "cpu", "steps": 3, "seed": 5}


def test_the_ends_of_a_morph_are_plain_generation(tmp_path: Path, quick: dict) -> None:
    takes = list(morph(MorphSettings(start="kick", end="snare", count=3, **quick), tmp_path / "way"))
    assert [take.recipe["place"] for take in takes] == [0, 0.5, 1]
    for take, prompt, seed in ((takes[0], "kick", 5), (takes[2], "snare", 6)):
        plain = next(generate(GenerateSettings(prompt=prompt, count=1, **{**quick, "seed": seed}), tmp_path / "plain"))
        assert torch.equal(audio.read(take.path)[0], audio.read(plain.path)[0])
    between = audio.read(takes[1].path)[0]
    assert not torch.equal(between, audio.read(takes[0].path)[0])


def test_a_morph_of_one_is_its_beginning(tmp_path: Path, quick: dict) -> None:
    takes = list(morph(MorphSettings(start="", end="", count=1, **quick), tmp_path))
    assert [take.recipe["place"] for take in takes] == [0]
    assert audio.read_recipe(takes[0].path)["place"] == 0


def test_slerp_keeps_its_ends_and_the_length_of_noise() -> None:
    start, end = torch.randn(2, 1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(slerp(start, end, 0.0), start)
    assert torch.equal(slerp(start, end, 1.0), end)
    assert slerp(start, end, 0.5).std() == pytest.approx(1, abs=0.02)
    assert torch.allclose(slerp(start, start, 0.3), start)


def test_slerp_needs_no_double_precision_of_the_device() -> None:
    class Single(torch.Tensor):
        """As on MPS, which has no float64."""

        def double(self) -> torch.Tensor:
            raise TypeError("no float64")

        def cpu(self) -> torch.Tensor:
            return self.as_subclass(torch.Tensor)

    start, end = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    there = slerp(start.as_subclass(Single), end.as_subclass(Single), 0.5)
    assert torch.equal(there.cpu(), slerp(start, end, 0.5))


def test_a_way_leads_over_all_its_points(tmp_path: Path, quick: dict) -> None:
    takes = list(morph(MorphSettings(start="kick", via=("clap",), end="snare", count=3, **quick), tmp_path / "way"))
    plain = next(generate(GenerateSettings(prompt="clap", count=1, **{**quick, "seed": 6}), tmp_path / "plain"))
    assert torch.equal(audio.read(takes[1].path)[0], audio.read(plain.path)[0])


def test_a_field_has_its_corners_and_counts_in_rows(tmp_path: Path, quick: dict) -> None:
    settings = MorphSettings(start="kick", end="snare", below=("clap", "closed hat"), count=2, **quick)
    takes = list(morph(settings, tmp_path / "field"))
    assert [(take.recipe["place"], take.recipe["row"]) for take in takes] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    last = next(generate(GenerateSettings(prompt="closed hat", count=1, **{**quick, "seed": 8}), tmp_path / "plain"))
    assert torch.equal(audio.read(takes[3].path)[0], audio.read(last.path)[0])


def test_a_way_between_two_sounds_begins_and_ends_with_them(tmp_path: Path, quick: dict) -> None:
    times = torch.arange(RATE // 2) / RATE
    low, high = (audio.write(tmp_path / f"{hz}.wav", 0.5 * torch.sin(2 * torch.pi * hz * times) * torch.exp(-8 * times),
                             RATE) for hz in (100, 2000))
    takes = list(morph(MorphSettings(start="kick", start_sound=str(low), end_sound=str(high), count=3, **quick),
                       tmp_path / "way"))

    def pitch(path: Path) -> float:
        spectrum = torch.fft.rfft(audio.read(path)[0][0], n=RATE).abs()
        return float(spectrum.argmax())

    assert pitch(takes[0].path) == pytest.approx(100, abs=40)
    assert pitch(takes[2].path) == pytest.approx(2000, abs=60)
    assert not torch.equal(audio.read(takes[1].path)[0], audio.read(takes[0].path)[0])


def test_strengths_of_loras_travel(tmp_path: Path, quick: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[list[str]] = []
    monkeypatch.setattr(loras, "use", lambda base, files: used.append(list(files)))
    list(morph(MorphSettings(lora=("a:1",), lora_end=("a:0", "b:0.5"), count=3, **quick), tmp_path))
    assert used[1:] == [["a:1.0", "b:0.0"], ["a:0.5", "b:0.25"], ["a:0.0", "b:0.5"]]


@pytest.mark.parametrize(("knobs", "named"), [
    ({"below": ("clap",)}, "below has 1"), ({"below": ("a", "b"), "via": ("c",)}, "via and below"),
    ({"end_sound": "x.wav"}, "start_sound is empty"), ({"bars": 2}, "bpm is 0"), ({"bpm": 5}, "bpm is 5")])
def test_what_is_no_way_is_one_sentence(knobs: dict, named: str) -> None:
    with pytest.raises(StudioError, match=named):
        MorphSettings(**knobs)


def test_a_silent_sound_is_no_point_of_a_way(tmp_path: Path, quick: dict) -> None:
    silent = audio.write(tmp_path / "silent.wav", torch.zeros(1000), RATE)
    with pytest.raises(StudioError, match="is silent"):
        next(morph(MorphSettings(start_sound=str(silent), **quick), tmp_path))


def test_points_lie_evenly_on_a_way() -> None:
    points = tuple(way.Point(torch.full((2, 1, 1), float(number)), torch.ones(1, 1, 2, 2)) for number in range(3))
    assert [float(way._along(points, place).guides[0]) for place in (0, 0.25, 0.5, 0.75, 1)] == [0, 0.5, 1, 1.5, 2]
