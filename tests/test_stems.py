"""Splitting: stems that sum to their mix, through a small untrained model of the same class."""

from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torchaudio

from studio.engine import audio, stems, transform as transform_module
from studio.errors import StudioError
from studio.settings import TransformSettings

RATE = 44100


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hybrid Demucs with 4 channels; its order of sources is the bundle's own."""
    torch.manual_seed(0)
    model = torchaudio.models.HDemucs(sources=["drums", "bass", "other", "vocals"], channels=4)
    bundle = SimpleNamespace(get_model=lambda: model, sample_rate=RATE)
    monkeypatch.setattr(stems.pipelines, "HDEMUCS_HIGH_MUSDB_PLUS", bundle)
    stems._model.cache_clear()


def mix(channels: int, samples: int = 14000) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_stems_sum_to_the_sound_and_have_its_shape(channels: int) -> None:
    sound = mix(channels)
    found = stems.apart(sound, RATE, device="cpu")
    assert tuple(found) == stems.STEMS
    assert all(stem.shape == sound.shape for stem in found.values())
    assert torch.allclose(sum(found.values()), sound, atol=1e-6)


def test_windows_are_joined_without_a_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    class Halves(torch.nn.Module):
        """A model whose every stem is half of what it hears."""

        sources = list(stems.STEMS)

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, heard: torch.Tensor) -> torch.Tensor:
            return self.weight * heard[:, None].expand(-1, 4, -1, -1)

    monkeypatch.setattr(stems, "WINDOW", 0.1)
    monkeypatch.setattr(stems, "SHARED", 0.02)
    sound = mix(2, 20000)
    made = stems._separated(Halves(), sound, RATE, lambda progress: None)
    assert torch.allclose(made, 0.5 * sound.expand(4, -1, -1), atol=1e-6)


def test_files_of_a_split_are_named_and_mix_back_to_the_source(tmp_path: Path) -> None:
    source = audio.write(tmp_path / "song.wav", mix(2), 48000)
    paths = stems.split(source, tmp_path / "out", device="cpu")
    assert [path.name for path in paths] == [f"song_{name}.wav" for name in stems.STEMS]
    read = [audio.read(path) for path in paths]
    assert {rate for _, rate in read} == {48000}
    assert torch.allclose(sum(sound for sound, _ in read), audio.read(source)[0], atol=1e-5)


def test_silence_splits_into_silence() -> None:
    found = stems.apart(torch.zeros(1, 3000), RATE, device="cpu")
    assert all(not stem.any() for stem in found.values())


def test_one_stem_is_changed_and_mixed_back(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform_module, "over", lambda base, mel, part, *rest, **more: part)
    source = audio.write(tmp_path / "song.wav", mix(1), RATE)
    settings = TransformSettings(base=str(tiny_base), device="cpu", stem="bass", stem_db=6)
    result, _ = audio.read(transform_module.transform(source, tmp_path / "out.wav", settings))
    original = audio.read(source)[0]
    bass = stems.apart(original, RATE, device="cpu")["bass"]
    assert torch.allclose(result, original + bass * (10 ** 0.3 - 1), atol=1e-5)


def test_a_stem_that_comes_back_louder_does_not_clip(tmp_path: Path, tiny_base: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform_module, "over", lambda base, mel, part, *rest, **more: part)
    source = audio.write(tmp_path / "song.wav", mix(1) / mix(1).abs().max(), RATE)
    settings = TransformSettings(base=str(tiny_base), device="cpu", stem="bass", stem_db=24)
    loud, _ = audio.read(transform_module.transform(source, tmp_path / "out.wav", settings))
    original = audio.read(source)[0]
    wanted = original + stems.apart(original, RATE, device="cpu")["bass"] * (10 ** (24 / 20) - 1)
    assert wanted.abs().max() > 1
    assert torch.allclose(loud, wanted / wanted.abs().max(), atol=1e-5)


def test_a_model_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise URLError("no way")

    monkeypatch.setattr(stems.pipelines, "HDEMUCS_HIGH_MUSDB_PLUS", SimpleNamespace(get_model=fails, sample_rate=RATE))
    with pytest.raises(StudioError, match="go online once"):
        stems.apart(mix(1, 100), RATE, device="cpu")
