"""Latents on disk: encoded once, shared, replaced when stale, whole after a kill; and the variants of a sound."""

import dataclasses
import errno
from pathlib import Path

import numpy
import pytest
import torch
from kits import QUICK, thumps

from studio.engine import audio, dataset, devices, models, picture
from studio.engine.training import latents_cache
from studio.engine.training.augmentation import AS_IT_IS, Variant, pixels_of, quieter, variants_of
from studio.engine.training.material import Kit, Material
from studio.errors import StudioError
from studio.settings import MelSettings, TrainSettings

SETTINGS = TrainSettings(device="cpu")
AUGMENTED = dataclasses.replace(SETTINGS, gain_augment_db=6, shift_augment_ms=10)


@pytest.fixture(scope="module")
def base(tiny_base):
    return models.open_base(str(tiny_base), "cpu")


@pytest.fixture
def kit(tmp_path):
    return thumps(tmp_path, 5)


def material(base, folder, run, settings=SETTINGS):
    return Material(base, Kit(folder, settings), settings, run, devices.accelerator("cpu"), 1000)


def count_encoded(monkeypatch):
    """A list that grows by one with each picture that is encoded."""
    true, calls = latents_cache.latents_from_pixels, []

    def counted(base, pixels):
        calls.append(len(pixels))
        return true(base, pixels)

    monkeypatch.setattr(latents_cache, "latents_from_pixels", counted)
    return calls


def all_latents(found):
    return found.stored.latents(found.places.flatten())


def test_a_second_run_encodes_nothing_and_finds_the_same(base, kit, tmp_path, monkeypatch):
    calls = count_encoded(monkeypatch)
    first = all_latents(material(base, kit, tmp_path / "one"))
    again = all_latents(material(base, kit, tmp_path / "two"))
    assert len(calls) == 5 and torch.equal(first, again)
    assert len(list((kit / ".latents").iterdir())) == 1


def test_a_picture_prepared_anew_is_encoded_anew_and_the_stale_row_leaves(base, kit, tmp_path, monkeypatch):
    before = material(base, kit, tmp_path)
    shot = dataset.load(kit).one_shots[2]
    image = picture.load(kit / shot.file_name)
    picture.save(kit / shot.file_name, dataclasses.replace(image, pixels=image.pixels // 2))
    calls = count_encoded(monkeypatch)
    after = material(base, kit, tmp_path)
    assert len(calls) == 1
    changed = (all_latents(before) != all_latents(after)).flatten(1).any(dim=1)
    assert changed.tolist() == [False, False, True, False, False]
    assert len(numpy.load(after.stored.path, mmap_mode="r")) == 5


def test_a_run_that_reads_the_old_file_is_not_disturbed_by_a_new_one(base, kit, tmp_path):
    reading = material(base, kit, tmp_path)
    before = all_latents(reading)
    material(base, kit, tmp_path, AUGMENTED)
    assert torch.equal(all_latents(reading), before)


def test_a_torn_row_is_encoded_anew(base, kit, tmp_path, monkeypatch):
    found = material(base, kit, tmp_path)
    good = all_latents(found)
    rows = numpy.load(found.stored.path, mmap_mode="r+")
    rows["latents"][3] += 1
    rows.flush()
    calls = count_encoded(monkeypatch)
    assert torch.equal(all_latents(material(base, kit, tmp_path)), good)
    assert len(calls) == 1


@pytest.mark.parametrize("junk", [b"", b"\x93NUMPY junk", b"x" * 100])
def test_a_damaged_file_is_made_anew(base, kit, tmp_path, junk):
    found = material(base, kit, tmp_path)
    good = all_latents(found)
    found.stored.path.write_bytes(junk)
    assert torch.equal(all_latents(material(base, kit, tmp_path)), good)


def test_another_vae_has_a_file_of_its_own(base, tiny_base, kit, tmp_path):
    other = models.open_base(str(tiny_base), "cpu")
    with torch.no_grad():
        other.pipeline.vae.encoder.conv_in.weight += 1
    one, two = material(base, kit, tmp_path), material(other, kit, tmp_path)
    assert one.stored.path != two.stored.path and one.stored.path.exists()
    assert not torch.equal(all_latents(one), all_latents(two))


def test_a_dataset_that_cannot_be_written_to_is_a_sentence_and_trains_all_the_same(base, kit, tmp_path, monkeypatch):
    true = Path.mkdir

    def mkdir(path, *given, **named):
        if path == kit / latents_cache.FOLDER:
            raise OSError(errno.EROFS, "Read-only file system")
        true(path, *given, **named)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    told = []
    found = Material(base, Kit(kit, SETTINGS), SETTINGS, tmp_path / "run", devices.accelerator("cpu"), 1000,
                     report=told.append)
    assert found.stored.path.is_relative_to(tmp_path / "run")
    assert [each.note for each in told if "Read-only file system" in each.note]


def test_a_disk_without_room_is_told_before_the_first_picture(base, kit, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(latents_cache.psutil, "disk_usage", lambda path: usage)
    with pytest.raises(StudioError, match=r"latents could not be written .*free some disk space"):
        material(base, kit, tmp_path)


def test_a_picture_that_is_gone_is_named(base, kit, tmp_path):
    found = Kit(kit, SETTINGS)
    gone = kit / found.sounds[1].file_name
    gone.unlink()
    with pytest.raises(StudioError, match=f"{gone.name}: vanished from the dataset"):
        Material(base, found, SETTINGS, tmp_path, devices.accelerator("cpu"), 1000)


# -------------------------------------------------------------------------------------------------------- variants
def test_a_sound_has_the_same_variants_in_every_run_and_within_what_was_asked():
    sha1 = "0123456789abcdef" * 2 + "01234567"
    some = variants_of(sha1, QUICK, AUGMENTED)
    assert some == variants_of(sha1, QUICK, dataclasses.replace(AUGMENTED, seed=7))
    assert some[0] == AS_IT_IS and len(set(some)) == len(some) > 1
    assert all(0 <= each.gain_db <= 6 and 0 <= each.shift <= 441 for each in some)
    assert variants_of(sha1, QUICK, SETTINGS) == [AS_IT_IS]


@pytest.mark.parametrize("mel", [QUICK, dataclasses.replace(QUICK, intensity="root", inverted=True),
                                 dataclasses.replace(QUICK, power=1.0, range_db=45.0)])
def test_a_quieter_picture_is_the_picture_of_the_quieter_sound_beside_a_loud_one(mel):
    """A click 26 dB above leaves the peak where it is; then the rest at half its level is darker by what we say."""
    time = torch.arange(30000) / 44100
    tone = 0.05 * torch.exp(-4 * time) * torch.sin(2 * torch.pi * 900 * time)
    click = torch.zeros(30000)
    click[:200] = torch.hann_window(200)
    loud, soft = (picture.of_sound(click + tone * gain, mel).pixels[:, 40:70] for gain in (1.0, 0.5))
    heard = (255 - loud if mel.inverted else loud) > 25
    assert (quieter(loud, mel, 6.0206) - soft.float())[heard].abs().max() < 4 and heard.sum() > 20


def test_a_later_variant_is_the_sound_with_silence_before_it(kit):
    shot = dataset.load(kit).one_shots[0]
    moved = pixels_of(kit, shot, QUICK, Variant(shift=2 * QUICK.hop_length))
    still = pixels_of(kit, shot, QUICK, AS_IT_IS)
    assert torch.equal(still, picture.load(kit / shot.file_name).pixels)
    assert (moved[:, 12:60].float() - still[:, 10:58].float()).abs().max() <= 3


def test_stereo_sounds_are_shifted_alike(tmp_path):
    mel = MelSettings(stereo=True, iterations=2)
    both = torch.randn(2, 10000, generator=torch.Generator().manual_seed(1)) * 0.1
    audio.write(tmp_path / "audio" / "a.wav", both, 44100)
    picture.save(tmp_path / "images" / "a.png", picture.of_sound(both, mel))
    shot = dataset.OneShot(file_name="images/a.png", audio="audio/a.wav")
    assert pixels_of(tmp_path, shot, mel, Variant(3.0, 100)).shape == (3, 128, 128)


def test_every_variant_is_shown_and_nothing_else(base, kit, tmp_path):
    found = material(base, kit, tmp_path, AUGMENTED)
    shown = torch.cat([found.batch(step, 0).latents for step in range(12)])
    known = all_latents(found)
    which = {int((known == each).flatten(1).all(dim=1).nonzero()[0]) for each in shown}
    assert len(which) > 15


def test_captions_are_left_out_as_often_as_was_asked(base, kit, tmp_path):
    """No words are what guidance compares with, so a share of the batches must be without any."""
    def left_out(chance):
        found = material(base, kit, tmp_path, dataclasses.replace(SETTINGS, caption_dropout=chance))
        states = torch.cat([found.batch(step, 0).states for step in range(100)])
        return (states == found.states[0]).flatten(1).all(dim=1).float().mean().item()

    assert (left_out(0.0), left_out(1.0)) == (0, 1)
    assert 0.2 < left_out(0.3) < 0.4
