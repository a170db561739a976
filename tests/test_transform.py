"""Sound to sound: lengths, levels, masks, and what stays untouched."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.engine import audio, crossfade, denoising, masks, mel as codec, picture, transform as transform_module
from studio.engine.models import load_base
from studio.engine.transform import remake, transform
from studio.engine.windows import windows
from studio.errors import Cancelled, StudioError
from studio.progress import silent
from studio.settings import MelSettings, TransformSettings

RATE = 44100


@pytest.fixture(scope="module")
def base(quick_base: Path) -> str:
    """The tiny base with a decoder of few rounds."""
    return str(quick_base)


def hit(duration: float, sample_rate: int = RATE) -> torch.Tensor:
    """A falling tone with a noisy attack, peak below 0.6."""
    times = torch.arange(round(duration * sample_rate)) / sample_rate
    noise = torch.randn(len(times), generator=torch.Generator().manual_seed(3))
    return 0.4 * torch.sin(2 * torch.pi * 180 * times) * torch.exp(-times * 4) + 0.05 * noise * torch.exp(-times * 30)


def made(tmp_path: Path, waveform: torch.Tensor, base: str, sample_rate: int = RATE, mask: Path | None = None,
         **knobs: object) -> torch.Tensor:
    source = audio.write(tmp_path / "in.wav", waveform, sample_rate)
    settings = TransformSettings(**{"base": base, "device": "cpu", "steps": 4, "seed": 1, "prompt": "kick", **knobs})
    written, rate = audio.read(transform(source, tmp_path / "out.wav", settings, mask=mask))
    assert rate == sample_rate
    assert written.shape[0] == 1
    return written[0]


def stored(waveform: torch.Tensor) -> torch.Tensor:
    """What 24 bits keep of a waveform."""
    return (waveform.double() * 2**23).round().float() / 2**23


@pytest.mark.parametrize("duration", [0.01, 0.3, 1.0, 2.7])
def test_the_length_is_the_sources_to_the_sample(tmp_path: Path, base: str, duration: float) -> None:
    waveform = hit(duration)
    result = made(tmp_path, waveform, base, strength=0.5)
    assert len(result) == len(waveform)
    assert result.abs().max() > 0


@pytest.mark.parametrize("sample_rate", [8000, 48000])
def test_another_rate_keeps_its_rate_and_length(tmp_path: Path, base: str, sample_rate: int) -> None:
    waveform = hit(0.333, sample_rate)
    assert len(made(tmp_path, waveform, base, sample_rate)) == len(waveform)


def test_a_sound_of_one_sample_comes_back_as_one_sample(tmp_path: Path, base: str) -> None:
    assert len(made(tmp_path, torch.tensor([0.5]), base)) == 1


def test_strength_0_is_the_codecs_round_trip(tmp_path: Path, base: str) -> None:
    waveform = hit(0.5)
    result = made(tmp_path, waveform, base, strength=0)
    round_trip = picture.to_sound(picture.of_sound(stored(waveform), load_base(base, "cpu").mel))
    assert (result - round_trip).abs().max() < 1e-5


def test_strength_0_keeps_the_level_across_windows(tmp_path: Path, base: str) -> None:
    waveform = 0.3 * torch.sin(2 * torch.pi * 400 * torch.arange(round(2.7 * RATE)) / RATE)
    result = made(tmp_path, waveform, base, strength=0)
    levels = result[2000:-2000].unfold(0, 2205, 2205).square().mean(dim=1).sqrt()
    assert 20 * (levels / (0.3 / 2**0.5)).log10().abs().max() < 1.5  # dB, the joins among them
    steepest = 0.3 * 2 * torch.pi * 400 / RATE
    assert result[2000:-2000].diff().abs().max() < 1.5 * steepest  # a hard join of two phases is steeper


def test_a_picture_that_comes_back_darker_keeps_the_sounds_level(base: str) -> None:
    mel = load_base(base, "cpu").mel
    waveform = audio.fit(hit(0.5), mel.samples, 0)[None]
    pixels, peak_db = codec.encode(waveform, mel)
    darker = (pixels.float() - 30).clamp_min(0)  # 10 dB
    result = transform_module._decoded(darker, pixels, peak_db, torch.ones_like(darker), mel, silent)
    loudest = [each[0].unfold(0, 882, 441).square().mean(dim=1).max() for each in (waveform, result)]
    assert 10 * (loudest[1] / loudest[0]).log10().abs() < 1.5  # dB


def test_each_window_has_a_seed_of_its_own(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    real = transform_module.noise_for

    def noted(base: object, mel: MelSettings, batch: list[int]) -> torch.Tensor:
        seeds.extend(batch)
        return real(base, mel, batch)

    monkeypatch.setattr(transform_module, "noise_for", noted)
    made(tmp_path, hit(2.7), base, seed=40)
    assert seeds == [40, 41, 42, 43]


def test_silence_stays_silence(tmp_path: Path, base: str) -> None:
    for strength in (0, 0.7):
        assert made(tmp_path, torch.zeros(20000), base, strength=strength).abs().max() == 0


def test_strength_changes_the_sound_and_the_seed_tells_how(tmp_path: Path, base: str) -> None:
    waveform = hit(0.3)
    gentle, strong, again, other = (made(tmp_path, waveform, base, strength=strength, seed=seed)
                                    for strength, seed in ((0.25, 1), (1, 1), (1, 1), (1, 2)))
    assert torch.equal(strong, again)
    assert not torch.equal(strong, other)
    assert not torch.equal(gentle, strong)


def test_keep_ms_keeps_the_samples_and_changes_what_follows(tmp_path: Path, base: str) -> None:
    waveform = hit(0.5)
    result = made(tmp_path, waveform, base, strength=0.8, keep_ms=30)
    kept = round(0.030 * RATE)
    assert torch.equal(result[:kept], stored(waveform)[:kept])
    assert not torch.equal(result[kept + 400 :], stored(waveform)[kept + 400 :])
    assert (result[kept : kept + 20] - waveform[kept : kept + 20]).abs().max() < 0.1  # no step at the border


def test_a_mask_keeps_the_samples_of_its_black_times_in_a_long_sound(tmp_path: Path, base: str) -> None:
    mask = Image.new("L", (300, 40), 0)
    mask.paste(255, (200, 0, 300, 40))  # the last third, of another size than the picture
    mask.save(tmp_path / "mask.png")
    waveform = hit(2.7)
    result = made(tmp_path, waveform, base, strength=0.8, mask=tmp_path / "mask.png")
    border = round(len(waveform) * 0.64)  # a column before two thirds
    assert torch.equal(result[:border], stored(waveform)[:border])
    assert not torch.equal(result[border:], stored(waveform)[border:])


def test_a_black_mask_gives_the_sound_itself(tmp_path: Path, base: str) -> None:
    Image.new("RGBA", (7, 5), (255, 255, 255, 0)).save(tmp_path / "mask.png")  # transparent: nothing painted
    waveform = hit(0.4)
    assert torch.equal(made(tmp_path, waveform, base, mask=tmp_path / "mask.png"), stored(waveform))


def test_repaint_above_hz_leaves_the_bass_as_the_codec_gives_it(tmp_path: Path, base: str) -> None:
    waveform = hit(0.5)
    round_trip = made(tmp_path, waveform, base, strength=0)
    above, whole = (made(tmp_path, waveform, base, strength=1, repaint_above_hz=hz) for hz in (5000, 0))

    def bass(sound: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft(sound).abs()[: round(1000 * 0.5)]  # bins of 2 Hz up to 1 kHz

    assert (bass(above) - bass(round_trip)).norm() < 0.5 * (bass(whole) - bass(round_trip)).norm()
    assert not torch.equal(above, round_trip)


def test_masks_multiply_and_lie_as_the_picture_lies() -> None:
    mel = MelSettings()
    settings = TransformSettings(repaint_above_hz=5000, keep_ms=100)
    anew = masks.over_sound(mel, mel.samples, settings, None)
    assert anew.shape == (mel.n_mels, mel.n_frames)
    assert anew[0, -1] == 1  # high and late
    assert anew[-1, -1] == 0  # low
    assert anew[0, 0] == 0  # early


def test_grey_and_sixteen_bit_masks_are_read_alike(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 128).save(tmp_path / "8.png")
    Image.new("I;16", (4, 4), 128 * 257).save(tmp_path / "16.png")
    assert torch.allclose(masks.read(tmp_path / "8.png"), masks.read(tmp_path / "16.png"), atol=1e-3)


def test_the_recipe_travels_in_the_wav(tmp_path: Path, base: str) -> None:
    made(tmp_path, hit(0.1), base, strength=0, seed=-1, keep_ms=20)
    recipe = audio.read_recipe(tmp_path / "out.wav")
    assert recipe["verb"] == "transform"
    assert recipe["settings"]["keep_ms"] == 20
    assert recipe["settings"]["seed"] >= 0  # the drawn one
    assert recipe["source"] == "in.wav"


def test_a_stop_leaves_no_file(tmp_path: Path, base: str) -> None:
    source = audio.write(tmp_path / "in.wav", hit(0.2), RATE)

    def stop(progress: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        transform(source, tmp_path / "out.wav", TransformSettings(base=base, device="cpu", steps=3), report=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize(("knobs", "named"), [({"keep_ms": 5000}, "keep_ms"),
                                              ({"repaint_above_hz": 30000}, "repaint_above_hz")])
def test_a_mask_that_leaves_nothing_is_one_sentence(tmp_path: Path, base: str, knobs: dict, named: str) -> None:
    with pytest.raises(StudioError, match=named):
        made(tmp_path, hit(0.2), base, **knobs)


def test_a_mask_that_is_no_picture_is_one_sentence(tmp_path: Path, base: str) -> None:
    (tmp_path / "mask.png").write_text("no picture", encoding="utf-8")
    with pytest.raises(StudioError, match="is no picture"):
        made(tmp_path, hit(0.2), base, mask=tmp_path / "mask.png")
    with pytest.raises(StudioError, match="no such mask"):
        made(tmp_path, hit(0.2), base, mask=tmp_path / "none.png")


def test_a_base_that_does_not_take_the_size_is_one_sentence(tmp_path: Path, tiny_base: Path) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    mel = json.loads((folder / "mel.json").read_text(encoding="utf-8"))
    (folder / "mel.json").write_text(json.dumps({**mel, "n_frames": 120}), encoding="utf-8")
    with pytest.raises(StudioError, match="n_frames is 120"):
        made(tmp_path, hit(0.2), str(folder))


def panned(duration: float = 0.4) -> torch.Tensor:
    """A hit on the left, and half as loud and darker on the right."""
    left = hit(duration)
    return torch.stack([left, 0.5 * torch.nn.functional.avg_pool1d(left[None, None], 5, 1, 2)[0, 0]])


def remade(tmp_path: Path, waveform: torch.Tensor, base: str, **knobs: object) -> torch.Tensor:
    source = audio.write(tmp_path / "in.wav", waveform, RATE)
    settings = TransformSettings(**{"base": base, "device": "cpu", "steps": 3, "seed": 1, "prompt": "kick", **knobs})
    return audio.read(transform(source, tmp_path / "out.wav", settings))[0]


def test_a_stereo_sound_stays_stereo_and_its_sides_stay_apart(tmp_path: Path, base: str) -> None:
    stereo = panned()
    result = remade(tmp_path, stereo, base, strength=0)
    assert result.shape == stereo.shape
    louder = 20 * torch.log10(result[0].norm() / result[1].norm())
    assert louder == pytest.approx(20 * torch.log10(stereo[0].norm() / stereo[1].norm()), abs=1.5)
    changed = remade(tmp_path, stereo, base, strength=0.6)
    assert changed.shape == stereo.shape
    assert not torch.equal(changed[0], changed[1])


@pytest.mark.parametrize(("stereo", "pictures"), [(True, 1), (False, 3)])
def test_a_lora_of_stereo_pictures_draws_them_whole(base: str, monkeypatch: pytest.MonkeyPatch, stereo: bool,
                                                    pictures: int) -> None:
    seen, real = [], denoising.denoise
    monkeypatch.setattr(denoising, "denoise", lambda *values, **named: seen.append(len(values[1])) or real(
        *values, **named))
    loaded = load_base(base, "cpu")
    mel = dataclasses.replace(loaded.mel, stereo=stereo)
    sound = panned()
    remake(loaded, mel, sound, masks.over_sound(mel, sound.shape[1], TransformSettings(), None),
           TransformSettings(steps=2, seed=1))
    assert seen == [pictures]


def test_equal_sides_stay_equal(tmp_path: Path, base: str) -> None:
    both = hit(0.2).expand(2, -1)
    result = remade(tmp_path, both, base, strength=0.5)
    assert torch.equal(result[0], result[1])


def test_a_stereo_mask_keeps_both_sides_untouched_samples(tmp_path: Path, base: str) -> None:
    stereo = panned()
    result = remade(tmp_path, stereo, base, strength=0.8, keep_ms=150)
    kept = round(0.15 * RATE)
    assert torch.equal(result[:, :kept], stored(stereo[:, :kept]))
    assert not torch.equal(result[:, kept:], stored(stereo[:, kept:]))


def test_kept_phase_gives_the_sound_back_where_a_new_one_cannot(tmp_path: Path, base: str) -> None:
    waveform = hit(0.5)

    def off(**knobs: object) -> float:
        return float((made(tmp_path, waveform, base, strength=0, **knobs) - waveform).norm() / waveform.norm())

    assert off(keep_phase=True) < 0.1 < 0.5 < off()


def test_a_reference_lends_its_colour_and_mix_says_how_much(tmp_path: Path, base: str) -> None:
    noise = torch.randn(RATE // 2, generator=torch.Generator().manual_seed(1)) * 0.2
    dull = torch.nn.functional.avg_pool1d(noise[None, None], 31, 1, 15)[0, 0] * 3
    reference = audio.write(tmp_path / "reference.wav", dull, RATE)

    def brightness(mix: float) -> float:
        result = made(tmp_path, noise, base, strength=0, reference=str(reference), mix=mix)
        spectrum = torch.fft.rfft(result).abs()
        return float((spectrum * torch.arange(len(spectrum))).sum() / spectrum.sum())

    plain, half, full = (brightness(mix) for mix in (0.0, 0.5, 1.0))
    assert full < 0.7 * plain
    assert full < half < plain


def test_a_reference_that_is_not_there_is_one_sentence(tmp_path: Path, base: str) -> None:
    with pytest.raises(StudioError, match="there is no such file"):
        made(tmp_path, hit(0.2), base, reference=str(tmp_path / "none.wav"))


@pytest.mark.parametrize("samples", [1, 43557, 43558, 119070, 44100 * 61, 44100 * 3600])
def test_windows_cover_the_sound_without_gap_and_fit_their_pictures(samples: int) -> None:
    mel = MelSettings()
    plan = windows(mel, samples)
    assert plan[0].start == 0
    assert plan[-1].end == samples
    assert all(0 < each.end - each.start <= mel.samples for each in plan)
    assert all(after.start < before.end < after.end for before, after in zip(plan, plan[1:], strict=False))


def test_a_join_keeps_the_power_of_strangers_and_of_twins() -> None:
    strangers = torch.randn(2, 20000, generator=torch.Generator().manual_seed(0))
    for outgoing, incoming in (strangers, (strangers[0], strangers[0])):
        power = crossfade.join(outgoing, incoming).unfold(0, 2000, 2000).square().mean(dim=1)
        assert 10 * power.log10().abs().max() < 0.5  # dB


def test_laying_a_sound_over_its_twin_changes_nothing() -> None:
    original = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(crossfade.lay_over(original, original.clone(), [(300, 700)], 50), original, atol=1e-5)


def test_laying_over_keeps_untouched_samples_bit_for_bit() -> None:
    original, new = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    mixed = crossfade.lay_over(original, new, [(300, 700), (800, 810)], 50)  # the second is shorter than two fades
    untouched = torch.ones(1000, dtype=torch.bool)
    untouched[300:700] = untouched[800:810] = False
    assert torch.equal(mixed[untouched], original[untouched])
    assert torch.equal(mixed[360:640], new[360:640])
    assert not torch.equal(mixed[800:810], original[800:810])


def test_colour_is_taken_on_alike_where_loud_is_dark() -> None:
    """As riffusion-model-v1 draws."""
    chance = torch.Generator().manual_seed(2)
    pixels, reference = (torch.randint(0, 256, shape, generator=chance).float() for shape in ((2, 16, 16), (16, 16)))
    bright, dark = (transform_module._coloured(*turned, 1.0, MelSettings(inverted=way)) for way, turned in (
        (False, (pixels, reference)), (True, (255 - pixels, 255 - reference))))
    assert torch.allclose(255 - dark, bright, atol=1e-3) and not torch.allclose(bright, pixels, atol=1)
