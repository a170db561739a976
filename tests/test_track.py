"""Tracks and loops: their length, their seams, their tempo, and what a stop leaves."""

from pathlib import Path

import pytest
import torch

from studio.engine import audio, crossfade, track as track_module
from studio.engine.track import stream, track
from studio.engine.wav_stream import WavStream
from studio.engine.way import Way
from studio.errors import Cancelled, StudioError
from studio.progress import Progress
from studio.settings import MorphSettings

RATE = 44100


@pytest.fixture(scope="module")
def quick(quick_base: Path) -> dict:
    """Settings of the tiny base with a decoder of few rounds."""
    return {"base": str(quick_base), "device": "cpu", "steps": 3, "seed": 5}


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("seconds", [0.1, 1.0, 2.3])
def test_a_track_is_as_long_as_asked_to_the_sample(tmp_path: Path, quick: dict, seconds: float, loop: bool) -> None:
    path = track(MorphSettings(start="kick", seconds=seconds, loop=loop, **quick), tmp_path / "track.wav")
    waveform, sample_rate = audio.read(path)
    assert sample_rate == RATE
    assert waveform.shape == (1, round(seconds * RATE))
    assert waveform.abs().max() > 0.05
    assert audio.read_recipe(path)["verb"] == "track"


def hum(way: object, settings: object, number: int, *rest: object) -> torch.Tensor:
    """In place of a track's window: a steady tone, in each window at another phase."""
    return 0.5 * torch.sin(2 * torch.pi * 100 * torch.arange(43557) / RATE + 2 * number)


@pytest.mark.parametrize("seconds", [0.604, 1.9, 5.0])
def test_a_loop_wraps_without_a_click_or_a_jump_in_level(quick: dict, monkeypatch: pytest.MonkeyPatch,
                                                         seconds: float) -> None:
    monkeypatch.setattr(track_module, "_window", hum)
    _, pieces = stream(MorphSettings(seconds=seconds, loop=True, **quick))
    waveform = torch.cat(list(pieces))
    twice = torch.cat([waveform, waveform])
    assert twice.diff().abs().max() < 1.5 * 0.5 * 2 * torch.pi * 100 / RATE  # nowhere much steeper than the tone
    levels = twice.unfold(0, 4410, 441).square().mean(dim=1).sqrt() * 2**0.5 / 0.5
    assert 20 * levels.log10().abs().max() < 1.5  # dB


def test_the_pieces_of_a_track_follow_one_another_without_a_click(quick: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_module, "_window", hum)
    _, pieces = stream(MorphSettings(seconds=3.3, **quick))
    waveform = torch.cat(list(pieces))
    assert waveform.diff().abs().max() < 1.5 * 0.5 * 2 * torch.pi * 100 / RATE
    assert waveform[-1].abs() < 1e-2  # and the end fades out


def test_a_loop_goes_there_and_back_and_a_track_there(quick: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[float] = []

    def noted(self: Way, place: float, row: float = 0.0, *, report: object = None) -> torch.Tensor:
        places.append(round(place, 3))
        return torch.zeros(128, 128)

    monkeypatch.setattr(Way, "picture", noted)
    list(stream(MorphSettings(seconds=3.4, **quick))[1])
    assert places == [0, 0.333, 0.667, 1]
    places.clear()
    list(stream(MorphSettings(seconds=3.4, loop=True, **quick))[1])
    assert places == [0.5, 0, 0.5, 1]  # the last first, because its end runs on into the beginning


def test_a_stop_keeps_what_is_there_as_a_wav_that_fades_out(tmp_path: Path, quick: dict) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "track" and progress.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        track(MorphSettings(start="kick", seconds=60, **quick), tmp_path / "track.wav", report=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["track.wav"]
    waveform, _ = audio.read(tmp_path / "track.wav")
    assert 1.5 * RATE < waveform.shape[1] < 2.1 * RATE
    assert waveform[0, -1].abs() < 1e-3
    assert audio.read_recipe(tmp_path / "track.wav")["settings"]["seconds"] == 60


def test_the_same_track_is_the_same_file_and_is_called_what_it_is(tmp_path: Path, quick: dict) -> None:
    settings = MorphSettings(start="kick", seconds=1, **quick | {"seed": 3})
    one, again = (track(settings, tmp_path / folder / "my loop.wav").read_bytes() for folder in ("one", "again"))
    assert one == again and b"INAM\x08\0\0\0my loop\0" in one


def test_a_stop_before_the_first_piece_leaves_no_file(tmp_path: Path, quick: dict) -> None:
    def stop(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        track(MorphSettings(start="kick", **quick), tmp_path / "track.wav", report=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_track_under_another_suffix_is_one_sentence(tmp_path: Path, quick: dict) -> None:
    with pytest.raises(StudioError, match="end in .wav"):
        track(MorphSettings(**quick), tmp_path / "track.mp3")


def test_a_wav_that_grows_is_whole_after_every_piece(tmp_path: Path) -> None:
    path, recipe = tmp_path / "growing.wav", {"verb": "track", "note": "é" * 3000}
    pieces = torch.randn(3, 1001, generator=torch.Generator().manual_seed(0)).clamp(-1, 1) * 0.9
    with WavStream(path, RATE, recipe) as file:
        for number, piece in enumerate(pieces):
            file.append(piece)
            assert audio.read(path)[0].shape == (1, 1001 * (number + 1))
            assert audio.read_recipe(path) == recipe
    at_once = audio.write(tmp_path / "at_once.wav", pieces.flatten(), RATE, recipe)
    assert torch.equal(audio.read(path)[0], audio.read(at_once)[0])
    assert path.stat().st_size == at_once.stat().st_size + (len(path.stem) - len(at_once.stem)) // 2 * 2


def test_an_attack_survives_its_entrance_and_a_steady_sound_does_not_jump() -> None:
    noise = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    quiet, loud = 0.01 * noise[0], noise[1]
    assert torch.allclose(crossfade.enter(quiet, loud, 800)[200:700], loud[200:700], atol=0.05)
    steady = crossfade.enter(noise[0], noise[1], 800)
    assert 10 * steady.unfold(0, 1000, 1000).square().mean(dim=1).log10().abs().max() < 1  # dB


@pytest.mark.parametrize(("bpm", "bars"), [(120, 1), (93, 2), (174, 4), (40, 1)])
def test_a_tempo_sets_the_length_and_where_windows_begin(bpm: float, bars: int) -> None:
    settings = MorphSettings(bpm=bpm, bars=bars, loop=True)
    samples, beat = round(settings.duration * RATE), 60 / bpm * RATE
    assert samples == round(bars * 4 * beat)
    starts, overlap = track_module._plan(samples, 43557, True, beat)
    assert starts[-1] == samples
    assert all(overlap < after - before <= 43557 - overlap for before, after in zip(starts, starts[1:], strict=False))
    for start in starts:
        eighths = start / (beat / 8)
        assert abs(eighths - round(eighths)) * beat / 8 <= 0.5  # to the sample


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("longest", [43557, 225_000])  # of the embedded base's windows, of Stable Diffusion's
def test_with_a_tempo_any_length_is_filled_without_gaps(longest: int, loop: bool) -> None:
    for bpm in range(20, 401):
        for seconds in (0.3, 8, 10, 37.77):
            samples = round(seconds * RATE)
            starts, overlap = track_module._plan(samples, longest, loop, 60 / bpm * RATE)
            own = [after - before for before, after in zip(starts, starts[1:], strict=False)]
            assert starts[0] == 0 and starts[-1] == samples - (0 if loop else overlap)
            assert all(overlap <= each <= longest - overlap for each in own), (bpm, seconds)
            sixteenths = [start * 16 * bpm / 60 / RATE for start in starts[:-1]]
            assert all(abs(each - round(each)) / 16 * 60 / bpm * RATE <= 0.51 for each in sixteenths), (bpm, seconds)


@pytest.mark.parametrize("loop", [False, True])
def test_a_length_in_seconds_is_kept_to_the_sample_in_a_tempo(quick: dict, loop: bool,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_module, "_window", hum)
    _, pieces = stream(MorphSettings(bpm=150, seconds=10, loop=loop, **quick))
    assert sum(map(len, pieces)) == 10 * RATE


def test_a_loop_in_tempo_is_as_long_as_its_bars_and_wraps_without_a_click(quick: dict,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_module, "_window", hum)
    _, pieces = stream(MorphSettings(bpm=128, bars=1, loop=True, **quick))
    waveform = torch.cat(list(pieces))
    assert len(waveform) == round(4 * 60 / 128 * RATE)
    assert torch.cat([waveform, waveform]).diff().abs().max() < 1.5 * 0.5 * 2 * torch.pi * 100 / RATE
