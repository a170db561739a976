"""Pictures of sound as PNG files."""

import errno
import json
import math
from dataclasses import replace

import pytest
import torch
from PIL import Image, PngImagePlugin

from studio.engine import mel as codec, picture
from studio.errors import StudioError
from studio.knobs import as_dict
from studio.settings import MelSettings

MEL = MelSettings(n_mels=32, n_frames=32, iterations=8)


def tone(samples, mel=MEL):
    return 0.5 * torch.sin(2 * math.pi * 440 * torch.arange(samples) / mel.sample_rate)


def saved(tmp_path, **changes):
    made = replace(picture.of_sound(tone(5000), MEL), recipe={"prompt": "kick ☃", "seed": 3}, **changes)
    return made, picture.save(tmp_path / "a.png", made)


def with_text(path, image, text):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(picture.CHUNK, text)
    image.save(path, pnginfo=info)
    return path


def carried(**changes):
    return json.dumps({"version": 1, "mel": as_dict(MEL), "peak_db": 0.0, "samples": 9, "recipe": {}} | changes)


def test_a_picture_comes_back_from_its_png_with_all_it_carries(tmp_path):
    made, path = saved(tmp_path)
    back = picture.load(path)
    assert torch.equal(back.pixels, made.pixels)
    assert (back.peak_db, back.samples, back.mel, back.recipe) == (made.peak_db, 5000, MEL, made.recipe)


def test_the_png_is_grey_and_as_large_as_the_settings_say(tmp_path):
    _, path = saved(tmp_path)
    with Image.open(path) as image:
        assert image.mode == "L" and image.size == (MEL.n_frames, MEL.n_mels) and image.format == "PNG"


def test_the_same_sound_gives_the_same_bytes(tmp_path):
    first = saved(tmp_path)[1].read_bytes()
    assert saved(tmp_path)[1].read_bytes() == first


def test_a_sound_keeps_its_length_and_its_level_through_the_png(tmp_path):
    _, path = saved(tmp_path)
    sound = picture.to_sound(picture.load(path))
    assert len(sound) == 5000
    gain_db = 20 * math.log10(float(sound.square().mean().sqrt() / tone(5000).square().mean().sqrt()))
    assert abs(gain_db) < 3


def test_a_sound_longer_than_the_picture_is_cut_with_a_fade():
    long = picture.of_sound(torch.ones(3 * MEL.samples), MEL)
    faded = torch.ones(MEL.samples)
    fade = round(0.02 * MEL.sample_rate)
    faded[-fade:] = 0.5 + 0.5 * torch.cos(math.pi * torch.arange(1, fade + 1) / fade)
    assert long.samples == MEL.samples
    assert torch.equal(long.pixels, codec.encode(faded[None], MEL)[0][0])


def test_silence_stays_silence(tmp_path):
    path = picture.save(tmp_path / "a.png", picture.of_sound(torch.zeros(1000), MEL))
    assert picture.load(path).pixels.max() == 0
    assert torch.equal(picture.to_sound(picture.load(path)), torch.zeros(1000))


def test_another_width_plays(tmp_path):
    made, _ = saved(tmp_path)
    wide = replace(made, pixels=made.pixels.repeat(1, 2), samples=10**6)
    back = picture.load(picture.save(tmp_path / "wide.png", wide))
    assert len(picture.to_sound(back)) == (2 * MEL.n_frames - 1) * MEL.hop_length - MEL.pad


def test_what_is_no_picture_of_ours_is_refused_with_its_reason(tmp_path):
    made, path = saved(tmp_path)
    (tmp_path / "words.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(path.read_bytes()[:-200])
    grey = Image.fromarray(made.pixels.numpy())
    grey.save(tmp_path / "holiday.png")
    grey.save(tmp_path / "photo.jpg")
    with_text(tmp_path / "scaled.png", grey.resize((64, 64)), carried())
    with_text(tmp_path / "narrow.png", grey.crop((0, 0, 2, 32)), carried())
    with_text(tmp_path / "colours.png", grey.convert("RGB"), carried())
    with_text(tmp_path / "torn.png", grey, "{")
    wide = Image.new("L", (60_000, 32))
    with_text(tmp_path / "endless.png", wide, carried(mel=as_dict(MEL) | {"hop_length": 8192, "n_fft": 32768}))
    with_text(tmp_path / "bare.png", grey, "[]")
    with_text(tmp_path / "newer.png", grey, carried(version=2))
    with_text(tmp_path / "knob.png", grey, carried(mel=as_dict(MEL) | {"hop_lenght": 3}))
    with_text(tmp_path / "level.png", grey, carried(peak_db=None))
    with_text(tmp_path / "length.png", grey, carried(samples=-1))
    reasons = {"gone.png": "no such file", "words.png": "is no picture", "cut.png": "picture",
               "holiday.png": "no spectrogram", "photo.jpg": "no spectrogram", "scaled.png": "64 pixels high",
               "narrow.png": "too narrow", "colours.png": "grey", "torn.png": "damaged", "bare.png": "damaged",
               "newer.png": "version 2", "knob.png": "hop_lenght.*did you mean 'hop_length'", "level.png": "peak_db",
               "length.png": "-1 samples", "endless.png": "60000 pixels wide, more than 2 hours"}
    for name, why in reasons.items():
        with pytest.raises(StudioError, match=why) as caught:
            picture.load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_every_picture_cut_short_is_refused_and_none_breaks_the_program(tmp_path):
    whole = saved(tmp_path)[1].read_bytes()
    for length in range(0, len(whole) - 20, 37):
        (tmp_path / "cut.png").write_bytes(whole[:length])
        with pytest.raises(StudioError):
            picture.load(tmp_path / "cut.png")


def test_pictures_are_only_written_as_png(tmp_path):
    made, _ = saved(tmp_path)
    with pytest.raises(StudioError, match="end in .png"):
        picture.save(tmp_path / "a.jpg", made)


def test_a_full_disk_leaves_no_half_picture(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    made = picture.of_sound(tone(5000), MEL)
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(StudioError, match="could not be written.*free some disk space"):
        picture.save(tmp_path / "a.png", made)
    assert list(tmp_path.iterdir()) == []


def test_colours_run_from_black_to_bright_and_grow_lighter():
    ramp = torch.arange(256, dtype=torch.uint8)[None]
    image = picture.coloured(ramp)
    assert image.mode == "RGB" and image.size == (256, 1)
    shades = [sum(image.getpixel((x, 0))) for x in range(256)]
    assert shades[0] < 10 and shades[-1] > 600 and shades[::16] == sorted(shades[::16])
    assert picture.coloured(torch.tensor([[-5.0, 127.6, 300.0]])).getpixel((2, 0)) == image.getpixel((255, 0))


@pytest.mark.parametrize("stereo", [False, True])
def test_the_pixels_alone_are_those_of_the_whole_picture(tmp_path, stereo):
    mel = MelSettings(stereo=stereo)
    shape = (3, mel.n_mels, mel.n_frames) if stereo else (mel.n_mels, mel.n_frames)
    pixels = torch.randint(256, shape, dtype=torch.uint8)
    path = picture.save(tmp_path / "a.png", picture.Picture(pixels, 0.0, 100, mel))
    assert torch.equal(picture.pixels_of(path, mel), pixels) and torch.equal(picture.load(path).pixels, pixels)
    with pytest.raises(StudioError, match="no such file"):
        picture.pixels_of(tmp_path / "gone.png", mel)
