"""The codec: what comes back is what went in, level and length exact, spectrum close, and never NaN."""

import dataclasses

import pytest
import torch

from studio import presets
from studio.engine import mel as codec
from studio.settings import MelSettings

QUICK = MelSettings(iterations=32)
CLASSIC = MelSettings(n_mels=64, n_frames=64, hop_length=512, n_fft=2048, pad=0, f_max=11025, sample_rate=22050,
                      mel_scale="htk", norm="none", normalized=False, pad_mode="reflect", iterations=32)


def a_drum(mel: MelSettings, pitch_hz: float = 60.0, decay: float = 12.0) -> torch.Tensor:
    """A kick with a noisy attack, (samples,), peak 0.9."""
    time = torch.arange(mel.samples) / mel.sample_rate
    noise = torch.randn(mel.samples, generator=torch.Generator().manual_seed(7))
    sound = torch.exp(-decay * time) * torch.sin(2 * torch.pi * pitch_hz * time) + 0.3 * torch.exp(-200 * time) * noise
    return 0.9 * sound / sound.abs().max()


def level_db(waveform: torch.Tensor) -> float:
    return float(10 * torch.log10(waveform.double().square().mean()))


@pytest.mark.parametrize("mel", [QUICK, CLASSIC, dataclasses.replace(QUICK, center=False),
                                 dataclasses.replace(QUICK, bass_n_fft=2048), dataclasses.replace(QUICK, power=1.0),
                                 dataclasses.replace(QUICK, win_length=1024, window="blackman", norm="slaney")],
                         ids=["ours", "classic", "not-centred", "two-slices", "magnitude", "short-window"])
def test_the_round_trip_keeps_length_and_level(mel):
    sound = a_drum(mel)
    pixels, peak_db = codec.encode(sound[None], mel)
    back = codec.decode(pixels, peak_db, mel)
    assert pixels.shape == (1, mel.n_mels, mel.n_frames) and pixels.dtype == torch.uint8
    assert back.shape == (1, mel.samples)
    assert level_db(back[0]) == pytest.approx(level_db(sound), abs=0.3)


@pytest.mark.parametrize("name", presets.names("mel"))
def test_what_was_decoded_encodes_to_nearly_the_same_picture(name):
    mel = dataclasses.replace(presets.load("mel", name), iterations=24)
    pixels, peak_db = codec.encode(a_drum(mel)[None], mel)
    again, peak_again = codec.encode(codec.decode(pixels, peak_db, mel), mel)
    loud = pixels > 85  # within 60 dB of the peak
    levels_db, again_db = (each.float() * mel.range_db / 255 + peak for each, peak in
                           ((pixels, peak_db), (again, peak_again)))
    difference_db = (levels_db - again_db).abs()
    assert difference_db[loud].mean() < 2.0


def test_the_loudest_pixel_is_255_and_the_low_bands_lie_at_the_bottom():
    pixels, _ = codec.encode(a_drum(QUICK, pitch_hz=60)[None], QUICK)
    assert pixels.max() == 255
    loudest_row = pixels[0].float().mean(dim=1).argmax()
    assert loudest_row > QUICK.n_mels - 8


def test_a_tone_lights_the_row_of_its_band():
    time = torch.arange(QUICK.samples) / QUICK.sample_rate
    pixels, _ = codec.encode(torch.sin(2 * torch.pi * 3000 * time)[None], QUICK)
    row = QUICK.n_mels - 1 - int(pixels[0, :, 64].argmax())
    low, high = QUICK.band_edges_hz[row], QUICK.band_edges_hz[row + 2]
    assert low < 3000 < high


def test_the_level_is_kept_beside_the_picture():
    sound = a_drum(QUICK)
    pixels, peak_db = codec.encode(torch.stack([sound, sound / 100]), QUICK)
    assert torch.equal(pixels[0], pixels[1])
    assert float(peak_db[0] - peak_db[1]) == pytest.approx(40, abs=0.01)


def test_silence_stays_silence():
    pixels, peak_db = codec.encode(torch.zeros(1, 1000), QUICK)
    assert not pixels.any()
    assert not codec.decode(pixels, peak_db, QUICK).any()


def test_after_a_short_sound_the_rest_is_exactly_silent():
    sound = torch.zeros(1, QUICK.samples)
    sound[:, :4000] = a_drum(QUICK, pitch_hz=300)[:4000] * torch.linspace(1, 0, 4000)
    back = codec.decode(*codec.encode(sound, QUICK), QUICK)
    assert not back[:, 12000:].any()


def test_same_seed_same_samples_and_another_seed_other_samples():
    encoded = codec.encode(a_drum(QUICK)[None], QUICK)
    once, again = (codec.decode(*encoded, QUICK) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, codec.decode(*encoded, dataclasses.replace(QUICK, seed=1)))


def test_a_batch_decodes_as_its_parts_do():
    mel = dataclasses.replace(QUICK, iterations=8)
    pixels, peak_db = codec.encode(torch.stack([a_drum(mel), a_drum(mel, 180, 30)]), mel)
    together = codec.decode(pixels, peak_db, mel)
    alone = codec.decode(pixels[1:], peak_db[1:], mel)
    assert torch.allclose(together[1], alone[0], atol=1e-3)


@pytest.mark.parametrize("pixels", [torch.full((1, 128, 128), 255, dtype=torch.uint8),
                                    torch.randint(0, 256, (1, 128, 128), generator=torch.Generator().manual_seed(1)),
                                    torch.eye(128)[None] * 255, torch.full((1, 128, 9), 128), torch.full(
                                        (1, 128, 128), float("nan"))],
                         ids=["white", "random", "diagonal", "narrow", "nan"])
def test_no_picture_gives_anything_but_finite_sound(pixels):
    mel = dataclasses.replace(QUICK, iterations=6)
    assert torch.isfinite(codec.decode(pixels, torch.zeros(1), mel)).all()


def test_sounds_with_nan_and_infinity_give_a_finite_picture():
    sound = a_drum(QUICK)
    sound[100], sound[200] = float("nan"), float("inf")
    pixels, peak_db = codec.encode(sound[None], QUICK)
    assert torch.isfinite(peak_db).all() and pixels.max() == 255


def test_progress_is_told_once_a_round():
    told = []
    mel = dataclasses.replace(QUICK, iterations=5)
    codec.decode(torch.full((1, 128, 128), 100), torch.zeros(1), mel, report=told.append)
    assert [each.step for each in told] == [1, 2, 3, 4, 5]


def test_nothing_that_is_decoded_is_louder_than_the_sound_was():
    sound = (4 * a_drum(QUICK)[None]).clamp(-0.9, 0.9)  # driven into flat tops, which any other phase overshoots
    encoded = codec.encode(sound, QUICK)
    free = codec.decode(*encoded, QUICK)
    held = codec.decode(*encoded, QUICK, loudest=sound.abs().amax(dim=1))
    assert free.abs().max() > sound.abs().max() >= held.abs().max()
    assert level_db(held[0]) == pytest.approx(level_db(sound[0]), abs=0.1)


@pytest.mark.parametrize("name", ["one-shot-512", "one-shot-256", "one-shot-128"])
@pytest.mark.parametrize("duration", [0.1, 10.0])
def test_a_tenth_of_a_second_and_ten_seconds_keep_their_length_and_level(name, duration):
    mel = dataclasses.replace(presets.load("mel", name).for_duration(duration), iterations=8)
    sound = a_drum(mel, pitch_hz=200, decay=3 / duration)
    back = codec.decode(*codec.encode(sound[None], mel), mel)
    assert back.shape == (1, mel.samples)
    assert level_db(back[0]) == pytest.approx(level_db(sound), abs=0.5)


def test_noise_on_the_pixels_makes_no_hiss():
    sound = torch.zeros(1, QUICK.samples)
    sound[:, :4000] = a_drum(QUICK, pitch_hz=300)[:4000] * torch.linspace(1, 0, 4000)
    pixels, peak_db = codec.encode(sound, QUICK)
    noisy = pixels + 4 * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(2))
    back = codec.decode(noisy.round().clamp(0, 255), peak_db, QUICK)
    assert level_db(back[0, 12000:]) < -90
    assert level_db(back[0, :4000]) == pytest.approx(level_db(sound[0, :4000]), abs=0.5)


# ------------------------------------------------------------------------------------------------------------- stereo
def both_sides(mel: MelSettings) -> torch.Tensor:
    """A drum on the left, its echo and another on the right, (1, 2, samples)."""
    one, other = a_drum(mel, 120, 20), a_drum(mel, 400, 30)
    return torch.stack([one + 0.3 * other, 0.4 * one.roll(60) + 0.6 * other])[None] / 2


def correlation(sides: torch.Tensor) -> float:
    return float((sides[0] * sides[1]).sum() / (sides[0].norm() * sides[1].norm()))


def test_both_sides_come_back_where_they_were():
    mel = dataclasses.replace(QUICK, iterations=60)
    sound = both_sides(mel)
    pixels, peak_db = codec.encode(sound, mel)
    back = codec.decode(pixels, peak_db, mel)
    assert pixels.shape == (1, 3, mel.n_mels, mel.n_frames) and back.shape == sound.shape
    for side in (0, 1):
        assert level_db(back[0, side]) == pytest.approx(level_db(sound[0, side]), abs=0.2)
    assert correlation(back[0]) == pytest.approx(correlation(sound[0]), abs=0.05)


def test_equal_sides_give_three_equal_planes_and_come_back_equal():
    sound = a_drum(QUICK)[None, None].repeat(1, 2, 1)
    pixels, peak_db = codec.encode(sound, QUICK)
    assert torch.equal(pixels[0, 0], pixels[0, 1]) and torch.equal(pixels[0, 0], pixels[0, 2])
    left, right = codec.decode(pixels, peak_db, QUICK)[0]
    assert torch.equal(left, right)


def test_sides_without_a_middle_are_decoded_each_by_itself():
    sound = both_sides(QUICK)
    pixels, peak_db = codec.encode(sound, QUICK)
    back = codec.decode(pixels[:, [0, 2]], peak_db, QUICK)
    alone = codec.decode(pixels[:, 2], peak_db, QUICK)
    assert torch.allclose(back[:, 1], alone, atol=1e-3)


# ------------------------------------------------------------------------------------------------------- other pictures
@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_a_picture_of_hardly_any_columns_is_a_sound_of_hardly_any_samples(n_frames):
    pixels = torch.full((1, QUICK.n_mels, n_frames), 200)
    back = codec.decode(pixels, torch.zeros(1), QUICK)
    assert back.shape == (1, max(0, (n_frames - 1) * QUICK.hop_length - QUICK.pad))
    assert torch.isfinite(back).all()


def test_a_whole_picture_is_as_wide_as_the_sound_is_long():
    mel = dataclasses.replace(QUICK, whole=True, iterations=4)
    sound = torch.sin(torch.arange(100_000) / 20)[None]
    pixels, peak_db = codec.encode(sound, mel)
    assert pixels.shape[2] == 1 + (100_000 + mel.pad) // mel.hop_length
    assert codec.decode(pixels, peak_db, mel).shape[1] > 100_000 - mel.hop_length


def test_an_inverted_picture_and_a_rooted_one_sound_the_same():
    sound = a_drum(QUICK)[None]
    plain = codec.mel_spectrogram(sound, QUICK)
    for changed in (dataclasses.replace(QUICK, inverted=True), dataclasses.replace(QUICK, intensity="root")):
        back = codec.from_pixels(*codec.encode(sound, changed), changed)
        loud = plain > plain.max() * 1e-3
        assert (10 * torch.log10(back / plain)).abs()[loud].max() < 0.6


@pytest.mark.gpu
def test_the_gpu_encodes_and_decodes_as_the_cpu_does():
    sound = a_drum(QUICK)[None]
    on_cpu, on_gpu = codec.encode(sound, QUICK), codec.encode(sound.cuda(), QUICK)
    assert (on_cpu[0].float() - on_gpu[0].cpu().float()).abs().max() <= 1
    levels = [level_db(codec.decode(*encoded, QUICK).cpu()) for encoded in (on_cpu, on_gpu)]
    assert levels[1] == pytest.approx(levels[0], abs=0.1)
