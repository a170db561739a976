"""The classic road: bands unmixed without loss, torchaudio's own rounds, silence and level kept, never NaN."""

import dataclasses

import pytest
import torch
import torchaudio

from studio.engine import griffin_lim, mel as codec
from studio.engine.slices import slices_of
from studio.errors import Cancelled, StudioError
from studio.settings import MelSettings

CLASSIC = MelSettings(sample_rate=22050, n_mels=64, n_frames=64, hop_length=256, n_fft=2048, win_length=1024, pad=0,
                      f_max=11025, mel_scale="htk", norm="none", normalized=False, pad_mode="reflect", iterations=24,
                      decoder="griffin-lim")


def a_drum(mel: MelSettings, pitch_hz: float = 180.0, decay: float = 12.0) -> torch.Tensor:
    """A tom with a noisy attack, (samples,), peak 0.9."""
    time = torch.arange(mel.samples) / mel.sample_rate
    noise = torch.randn(mel.samples, generator=torch.Generator().manual_seed(7))
    sound = torch.exp(-decay * time) * torch.sin(2 * torch.pi * pitch_hz * time) + 0.3 * torch.exp(-50 * time) * noise
    return 0.9 * sound / sound.abs().max()


def level_db(waveform: torch.Tensor) -> float:
    return float(10 * torch.log10(waveform.double().square().mean()))


def torchaudio_bank(mel: MelSettings) -> torch.Tensor:
    """torchaudio's own (bins, rows)."""
    return torchaudio.functional.melscale_fbanks(mel.n_fft // 2 + 1, mel.f_min, mel.f_max, mel.n_mels, mel.sample_rate,
                                                 None, mel.mel_scale)


@pytest.mark.parametrize("rows", [8, 64, 512], ids=["few-rows", "some-rows", "more-rows-than-rank"])
def test_unmixing_gives_non_negative_bins_whose_bands_are_the_wanted_ones(rows):
    bank = torchaudio_bank(dataclasses.replace(CLASSIC, n_fft=8192, n_mels=rows))
    wanted = torch.rand(2, 5, len(bank), generator=torch.Generator().manual_seed(2)).pow(4) @ bank
    bins = griffin_lim.unmix(wanted, bank)
    assert (bins >= 0).all()
    assert (bins @ bank - wanted).norm() < 0.01 * wanted.norm()
    assert (bins @ bank).sum() == pytest.approx(float(wanted.sum()), rel=1e-3)


def test_unmixing_leaves_alone_what_no_row_reads_and_what_is_silent():
    bank = torchaudio_bank(dataclasses.replace(CLASSIC, f_min=1000, f_max=5000, n_mels=16))
    wanted = torch.ones(1, 3, 16)
    wanted[:, 1] = 0
    bins = griffin_lim.unmix(wanted, bank)
    unread = bank.sum(dim=1) == 0
    assert unread.any()
    assert not bins[..., unread].any()
    assert not bins[:, 1].any()
    assert (bins[:, 0][..., ~unread] > 0).all()


def test_a_row_that_reads_no_bin_gives_no_nan():
    bank = torchaudio_bank(CLASSIC).clone()
    bank[:, 3] = 0
    assert torch.isfinite(griffin_lim.unmix(torch.ones(1, 2, CLASSIC.n_mels), bank)).all()


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_the_rounds_are_torchaudios_own_from_the_same_seed(momentum):
    mel = dataclasses.replace(CLASSIC, momentum=momentum, iterations=6, seed=5)
    power = codec.mel_spectrogram(a_drum(mel)[None], mel)
    magnitude = griffin_lim.unmix(power.transpose(1, 2), torchaudio_bank(mel)).sqrt().transpose(1, 2)
    with torch.random.fork_rng():
        torch.manual_seed(mel.seed)
        theirs = torchaudio.functional.griffinlim(
            magnitude, torch.hann_window(mel.win_length), mel.n_fft, mel.hop_length, mel.win_length, 1.0,
            mel.iterations, momentum, mel.samples, rand_init=True)
    ours = codec.invert(power, mel)
    assert torch.nn.functional.cosine_similarity(ours, theirs) > 0.999  # the level is put back by us alone


@pytest.mark.parametrize("changes", [
    {}, dict(power=1.0), dict(norm="slaney", mel_scale="slaney"), dict(norm="mean", mel_scale="linear-log"),
    dict(center=False, pad=1024), dict(pad=512), dict(pad=512, pad_mode="constant", normalized=True),
    dict(win_length=0), dict(n_mels=512, n_fft=16384, iterations=6),
    dict(power=1.0, intensity="root", inverted=True), dict(momentum=1.2)],
    ids=["power", "magnitude", "slaney", "mean", "not-centred", "silence-first", "normalised", "whole-window",
         "many-rows", "root", "far-lean"])
def test_the_classic_round_trip_keeps_length_and_level(changes):
    mel = dataclasses.replace(CLASSIC, **changes)
    sound = a_drum(mel)
    back = codec.decode(*codec.encode(sound[None], mel), mel)
    assert back.shape == (1, mel.samples)
    assert level_db(back[0]) == pytest.approx(level_db(sound), abs=0.5)


def test_what_was_decoded_has_nearly_the_same_bands():
    power = codec.mel_spectrogram(a_drum(CLASSIC)[None], CLASSIC)
    again = codec.mel_spectrogram(codec.invert(power, CLASSIC), CLASSIC)
    loud = power > 1e-5 * power.max()
    assert (10 * torch.log10(again / power)).abs()[loud].mean() < 2.5


def test_black_pictures_are_exact_silence_beside_sounding_ones():
    mel = dataclasses.replace(CLASSIC, iterations=3)
    pixels = torch.zeros(2, mel.n_mels, mel.n_frames, dtype=torch.uint8)
    pixels[1, 20:40, 10:20] = 200
    back = codec.decode(pixels, torch.zeros(2), mel)
    assert not back[0].any()
    assert back[1].any()
    assert not back[1, 25 * mel.hop_length :].any()


def test_nothing_sounds_in_the_silence_before_the_sound():
    mel = dataclasses.replace(CLASSIC, pad=600, iterations=4)
    searched = griffin_lim.search(torch.ones(1, mel.n_mels, 8), mel, *slices_of(mel, torch.device("cpu")))
    assert searched.shape == (1, 7 * mel.hop_length)
    assert not searched[:, :600].any()
    assert searched[:, 600:].abs().max() > 0


@pytest.mark.parametrize("changes", [{}, dict(pad=700), dict(center=False), dict(power=1.0)],
                         ids=["plain", "silence-first", "not-centred", "magnitude"])
@pytest.mark.parametrize("pixels", [torch.full((1, 64, 64), 255), torch.eye(64)[None] * 255, torch.full((1, 64, 5), 9),
                                    torch.randint(0, 256, (1, 64, 64), generator=torch.Generator().manual_seed(1)),
                                    torch.nn.functional.pad(torch.full((1, 64, 1), 255), (0, 63)),
                                    torch.full((1, 64, 64), float("nan"))],
                         ids=["white", "diagonal", "narrow", "random", "first-column", "nan"])
def test_no_picture_gives_anything_but_finite_sound(pixels, changes):
    mel = dataclasses.replace(CLASSIC, iterations=3, **changes)
    back = codec.decode(pixels, torch.zeros(1), mel)
    assert torch.isfinite(back).all()
    assert back.abs().max() < 30


def test_same_seed_same_samples_and_the_common_random_numbers_are_left_alone():
    mel = dataclasses.replace(CLASSIC, iterations=3)
    encoded = codec.encode(a_drum(mel)[None], mel)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    once = codec.decode(*encoded, mel)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(once, codec.decode(*encoded, mel))
    assert not torch.equal(once, codec.decode(*encoded, dataclasses.replace(mel, seed=1)))


def test_a_batch_decodes_as_its_parts_do():
    mel = dataclasses.replace(CLASSIC, iterations=4)
    pixels, peak_db = codec.encode(torch.stack([a_drum(mel), a_drum(mel, 500, 30)]), mel)
    together = codec.decode(pixels, peak_db, mel)
    assert torch.allclose(together[1], codec.decode(pixels[1:], peak_db[1:], mel)[0], atol=1e-3)


def test_progress_is_told_once_a_round_and_a_stop_is_heard():
    mel, told = dataclasses.replace(CLASSIC, iterations=5), []
    codec.decode(torch.full((1, 64, 64), 100), torch.zeros(1), mel, report=told.append)
    assert [each.step for each in told] == [1, 2, 3, 4, 5]

    def stop(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        codec.decode(torch.full((1, 64, 64), 100), torch.zeros(1), mel, report=stop)


def test_a_second_slice_for_the_bass_is_refused_in_a_sentence():
    mel = dataclasses.replace(CLASSIC, mel_scale="linear-log", bass_n_fft=4096)
    with pytest.raises(StudioError, match="bass_n_fft is 4096.*give bass_n_fft 0"):
        codec.decode(torch.full((1, 64, 64), 100), torch.zeros(1), mel)


@pytest.mark.gpu
def test_the_gpu_decodes_at_the_cpus_level():
    encoded = codec.encode(a_drum(CLASSIC)[None], CLASSIC)
    levels = [level_db(codec.decode(*(each.to(device) for each in encoded), CLASSIC).cpu()) for device in
              ("cpu", "cuda")]
    assert levels[1] == pytest.approx(levels[0], abs=0.1)
