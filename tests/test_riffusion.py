"""Riffusion's pictures, both ways: its tags with their defaults, its colours, and its own shipped files."""

import dataclasses
import io
import math
import os
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image, PngImagePlugin

from studio import presets
from studio.engine import audio, mel as codec, riffusion
from studio.errors import StudioError

SHIPPED = Path(os.environ.get("STUDIO_INTEROP", Path(__file__).resolve().parents[2] / "shared/interop")) / "riffusion"
CLIP = "clip_2_start_103694_ms_duration_5678_ms"
shipped = pytest.mark.skipif(not (SHIPPED / f"{CLIP}.wav").exists(),
                             reason=f"Riffusion's test files are not in {SHIPPED}; name their folder in STUDIO_INTEROP")
OWN = presets.load("mel", "riffusion")


def pixels(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(4), dtype=torch.uint8)


def reopened(image: Image.Image, exif: Image.Exif | None = None, text: str = "", kind: str = "PNG") -> Image.Image:
    """The image as a file would hold it."""
    file, chunks = io.BytesIO(), PngImagePlugin.PngInfo()
    if text:
        chunks.add_text("parameters", text)
    image.save(file, kind, exif=exif or Image.Exif(), **({"pnginfo": chunks} if text else {}))
    return Image.open(file)


def tagged(**tags: object) -> Image.Image:
    """A grey picture of 512 × 20 that carries these of Riffusion's tags."""
    exif = Image.Exif()
    for name, value in tags.items():
        exif[riffusion.NUMBERS[name]] = value
    return reopened(riffusion.image_of(pixels(512, 20)), exif)


@pytest.mark.parametrize("stereo", [False, True], ids=["mono", "stereo"])
def test_what_is_written_is_read_back(stereo):
    mel = dataclasses.replace(OWN, stereo=stereo, sample_rate=48000, hop_length=480, n_fft=19200, win_length=4800,
                              n_mels=256, f_min=20, f_max=20000, root=0.5)
    drawn = pixels(2, 256, 30) if stereo else pixels(256, 30)
    found = riffusion.read(reopened(riffusion.image_of(drawn), riffusion.tags_of(mel, 12.5)), "it")
    assert torch.equal(found.pixels, drawn)
    assert found.mel == mel
    assert found.peak_db == pytest.approx(12.5)
    assert found.samples == 29 * 480


@pytest.mark.parametrize(("sample_rate", "hop_length"), [(22050, 220), (44100, 441), (44100, 347), (11025, 110),
                                                         (96000, 961), (8000, 80)])
def test_riffusion_cuts_the_milliseconds_to_the_same_samples(sample_rate, hop_length):
    mel = dataclasses.replace(OWN, sample_rate=sample_rate, hop_length=hop_length, n_mels=8, win_length=2000,
                              n_fft=6000, f_max=4000)
    tags = riffusion.tags_of(mel, 0.0)
    said = {name: tags[number] for name, number in riffusion.NUMBERS.items()}
    for milliseconds, samples in (("step_size_ms", hop_length), ("window_duration_ms", 2000),
                                  ("padded_duration_ms", 6000)):
        assert int(said[milliseconds] / 1000.0 * said["sample_rate"]) == samples


def test_the_tags_are_numbers_of_riffusions_own_kinds():
    tags = riffusion.tags_of(OWN, 10 * math.log10(46801012 / 32768))
    assert [tags[number] for number in (11000, 11005, 11010, 11020, 11030, 11040, 11050, 11060)] == [
        44100, 0, 10, 100, 400, 512, 0, 10000]
    assert all(isinstance(tags[number], int) for number in range(11000, 11061) if number in tags)
    assert tags[11070] == 0.25
    assert tags[11080] == pytest.approx(46801012)


def test_missing_tags_take_riffusions_defaults():
    found = riffusion.read(tagged(step_size_ms=5), "it")
    assert found.mel == dataclasses.replace(OWN, hop_length=220)  # int(220.5)
    assert found.peak_db == pytest.approx(10 * math.log10(30e6 / 32768))


def test_a_jpeg_carries_the_same_tags():
    smooth = torch.linspace(0, 255, 64).to(torch.uint8).expand(512, 64)
    found = riffusion.read(reopened(riffusion.image_of(smooth), riffusion.tags_of(OWN, 3.0), kind="JPEG"), "it")
    assert found.mel == OWN
    assert (found.pixels.int() - smooth.int()).abs().max() <= 4


def test_a_web_uis_spectrogram_takes_the_defaults():
    found = riffusion.read(reopened(riffusion.image_of(pixels(512, 40)), text="a drum, Steps: 20"), "it")
    assert found.mel == OWN
    assert found.pixels.shape == (512, 40)


def test_grey_rgb_of_512_rows_is_taken_for_a_seed_picture():
    assert riffusion.read(reopened(riffusion.image_of(pixels(512, 40))), "it").samples == 39 * 441


@pytest.mark.parametrize("image", [
    reopened(Image.fromarray(pixels(512, 40, 3).numpy()), text="a cat, Steps: 20"),  # coloured
    reopened(riffusion.image_of(pixels(500, 40)), text="a drum, Steps: 20"),  # of another height
    reopened(Image.fromarray(pixels(512, 40).numpy()))], ids=["photograph", "other-height", "grey-file"])
def test_a_picture_that_does_not_say_it_is_riffusions_is_left_alone(image):
    assert riffusion.read(image, "it") is None


def test_a_seed_picture_that_was_made_small_by_a_palette_is_still_one():
    small = riffusion.image_of(pixels(512, 40)).convert("P")
    assert riffusion.read(reopened(small), "it").samples == 39 * 441


def test_an_unmarked_picture_is_read_when_asked_for():
    drawn = pixels(512, 33)
    palette = Image.fromarray(drawn.numpy()).convert("P")
    found = riffusion.read(reopened(palette), "it", unmarked=True)
    assert torch.equal(found.pixels, drawn)
    assert found.mel == OWN
    assert found.samples == 32 * 441


@pytest.mark.parametrize(("image", "sentence"), [
    (tagged(num_frequencies=256), "it: is 512 pixels high, but .* 256 rows"),
    (tagged(sample_rate="fast"), r"it: its EXIF tag 11000 \(sample_rate\) is 'fast', not a number"),
    (tagged(power_for_image=math.nan), "power_for_image"),
    (tagged(max_value=-1.0), "max_value is -1, below 0"),
    (tagged(step_size_ms=90), "it: Riffusion's settings inside do not work here: hop_length is 3969"),
    (tagged(min_frequency=12000), "f_min is 12000 Hz, not below f_max")],
    ids=["scaled", "words", "nan", "negative", "gaps", "upside-down"])
def test_a_picture_that_does_not_fit_what_it_says_is_refused_in_a_sentence(image, sentence):
    with pytest.raises(StudioError, match=sentence):
        riffusion.read(image, "it")


def test_an_unmarked_picture_of_another_height_or_kind_is_refused_in_a_sentence():
    with pytest.raises(StudioError, match="100 pixels high"):
        riffusion.read(Image.new("RGB", (20, 100)), "it", unmarked=True)
    with pytest.raises(StudioError, match="1 pixel wide"):
        riffusion.read(Image.new("RGB", (1, 512)), "it", unmarked=True)
    with pytest.raises(StudioError, match="mode I;16"):
        riffusion.read(Image.new("I;16", (20, 512)), "it", unmarked=True)


def test_a_silent_picture_gives_silence_where_riffusion_divides_by_zero():
    white = riffusion.image_of(torch.full((512, 9), 255, dtype=torch.uint8))
    found = riffusion.read(reopened(white, riffusion.tags_of(OWN, codec.SILENCE_DB)), "it")
    assert found.peak_db == codec.SILENCE_DB
    assert not codec.from_pixels(found.pixels[None], torch.tensor([found.peak_db]), found.mel).any()


def test_riffusion_understands_its_own_settings_and_not_ours():
    assert riffusion.understands(dataclasses.replace(OWN, stereo=True, hop_length=220, iterations=3, overshoot=1.2,
                                                    f_max=20000))
    assert not riffusion.understands(dataclasses.replace(OWN, inverted=False))
    assert not riffusion.understands(dataclasses.replace(OWN, pad=512))
    assert not any(riffusion.understands(presets.load("mel", name)) for name in presets.names("mel")
                   if name != "riffusion")


# ------------------------------------------------------------------------------------------ Riffusion's own test files
@shipped
@pytest.mark.parametrize("stereo", [False, True], ids=["mono", "stereo"])
def test_riffusions_clip_gives_riffusions_picture(stereo):
    """Its mono picture is of the left side alone; its stereo one has the two sides' common peak."""
    waveform, _ = audio.read(SHIPPED / f"{CLIP}.wav")
    power = codec.mel_spectrogram(waveform if stereo else waveform[:1], OWN)
    side_by_side = torch.cat(list(power), dim=1)[None]
    drawn, peak_db = codec.to_pixels(side_by_side, OWN)
    with Image.open(SHIPPED / f"{CLIP}{'_stereo' if stereo else ''}.png") as image:
        found = riffusion.read(image, "shipped")
        theirs = numpy.array(image)
    ours = torch.stack(drawn[0].chunk(2, dim=1)) if stereo else drawn[0]
    difference = torch.from_numpy(numpy.array(riffusion.image_of(ours)).astype(int) - theirs.astype(int))
    assert difference.abs().max() <= 1
    assert found.mel.stereo == stereo
    assert found.peak_db == pytest.approx(float(peak_db[0]), abs=1e-3)


@shipped
@pytest.mark.parametrize("stereo", [False, True], ids=["mono", "stereo"])
def test_our_tags_are_riffusions_byte_for_byte(stereo):
    path = SHIPPED / f"{CLIP}{'_stereo' if stereo else ''}.png"
    with Image.open(path) as image:
        found = riffusion.read(image, path.name)
        theirs = image.info["exif"]
    ours = reopened(riffusion.image_of(found.pixels), riffusion.tags_of(found.mel, found.peak_db))
    assert ours.info["exif"] == theirs


@shipped
@pytest.mark.parametrize(("name", "channels", "duration"), [(f"{CLIP}.png", 1, 5.678), (f"{CLIP}_stereo.png", 2, 5.678),
                                                            ("og_beat.png", 1, 5.11)])
def test_the_shipped_pictures_decode_to_the_right_rate_channels_and_length(name, channels, duration):
    with Image.open(SHIPPED / name) as image:
        found = riffusion.read(image, name, unmarked=name == "og_beat.png")
    sides = found.pixels.reshape(channels, found.mel.n_mels, -1)
    quick = dataclasses.replace(found.mel, iterations=1)
    waveforms = codec.decode(sides, torch.full((channels,), found.peak_db), quick)
    assert found.mel.sample_rate == 44100
    assert waveforms.shape == (channels, found.samples)
    assert found.samples / 44100 == pytest.approx(duration, abs=0.01)
    assert waveforms.isfinite().all()
    assert (waveforms.square().mean(dim=1) > 1e-4).all()
