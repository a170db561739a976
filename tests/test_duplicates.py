"""Near-duplicates: copies are found whatever their level and format, neighbours are not."""

import io
from dataclasses import replace

import pytest
import soundfile
import torch

from studio.engine import audio, dataset, duplicates, picture, synth
from studio.errors import Cancelled
from studio.settings import MelSettings, OneShot, PrepareSettings

RATE, MEL = 44100, MelSettings()


@pytest.fixture(scope="module")
def kit():
    return [waveform for _, waveform in synth.demo_kit(1)]


def seen(waveform, mel=MEL):
    trimmed = audio.normalise(audio.trim(waveform, RATE, PrepareSettings()))[0]
    shown = picture.of_sound(trimmed.expand(2, -1) if mel.stereo else trimmed, mel)
    return duplicates.features(shown.pixels, mel)


def as_ogg(waveform):
    written = io.BytesIO()
    soundfile.write(written, waveform.numpy(), RATE, format="OGG")
    written.seek(0)
    return torch.from_numpy(soundfile.read(written, dtype="float32")[0])


COPIES = {
    "quieter": lambda sound: 0.1 * sound,
    "later": lambda sound: torch.cat([torch.zeros(700), sound]),
    "louder by a bass": lambda sound: sound + 0.05 * sound.roll(1),
    "in another format": as_ogg,
    "of 16 bit": lambda sound: (sound * 2**15).round() / 2**15,
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_found(kit, how):
    sounds = kit[::6]
    found = duplicates.groups(torch.stack([seen(each) for each in [*sounds, *map(COPIES[how], sounds)]]))
    pairs = {(index, index + len(sounds)) for index in range(len(sounds))}
    assert len(pairs & set(found)) >= 0.6 * len(pairs) and not set(found) - pairs


def test_the_sounds_of_a_kit_are_no_copies_of_one_another(kit):
    assert duplicates.groups(torch.stack([seen(each) for each in kit])) == []


def test_another_note_is_no_copy():
    time = torch.arange(RATE // 2) / RATE
    bass = [torch.sin(2 * torch.pi * hz * time) * torch.exp(-4 * time) for hz in (110.0, 116.5, 123.5)]
    assert duplicates.groups(torch.stack([seen(each) for each in bass])) == []


@pytest.mark.parametrize("changes", [{"inverted": True}, {"intensity": "root"}, {"stereo": True}])
def test_any_kind_of_picture_is_compared(kit, changes):
    mel = replace(MEL, **changes)
    found = duplicates.groups(torch.stack([seen(each, mel) for each in (kit[0], kit[9], 0.3 * kit[0])]))
    assert found == [(0, 2)]


def test_a_db_is_a_db_whatever_the_bands_hold():
    loud, soft = (seen(torch.sin(torch.arange(20000) / 20) * torch.linspace(1, gain, 20000), replace(MEL, power=1.0))
                  for gain in (1.0, 0.1))
    power = [seen(torch.sin(torch.arange(20000) / 20) * torch.linspace(1, gain, 20000)) for gain in (1.0, 0.1)]
    apart = [float(duplicates.distances_db(each[0][None], each[1][None])) for each in ((loud, soft), power)]
    assert apart[0] == pytest.approx(apart[1], rel=0.15)


def test_groups_close_over_what_lies_between_them_and_nothing_is_a_group():
    row = torch.ones(1, 400)
    steps = torch.cat([row, row + 0.9, row + 1.8, row + 9, 0 * row])
    assert duplicates.groups(steps) == [(0, 1, 2)]
    assert duplicates.groups(torch.zeros(0, 400)) == [] == duplicates.groups(row)


def test_blocks_of_sounds_are_compared_with_all_others(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", 2)
    rows = 5 * torch.eye(6)[torch.tensor([0, 1, 2, 3, 4, 0])].repeat(1, 20)
    assert duplicates.groups(rows) == [(0, 5)]


@pytest.fixture
def made(tmp_path, kit):
    rows = []
    for number, waveform in enumerate((kit[0], kit[9], 0.5 * kit[0], kit[20])):
        rows.append(OneShot(file_name=f"{number}.png", text="x"))
        picture.save(tmp_path / f"{number}.png", picture.of_sound(waveform, MEL))
    return dataset.Dataset(tmp_path, MEL, PrepareSettings(), tuple(rows))


def test_a_dataset_is_searched_and_what_cannot_be_read_is_passed_over(made):
    finder = duplicates.Duplicates()
    assert finder.of(made) == [("0.png", "2.png")]
    (made.folder / "1.png").unlink()
    (made.folder / "3.png").write_bytes(b"no picture")
    assert finder.of(made) == [("0.png", "2.png")]
    (made.folder / "2.png").unlink()
    assert finder.of(made) == [] == finder.of(replace(made, one_shots=()))


def test_a_picture_is_read_once_until_it_changes(made, kit, monkeypatch):
    finder, read = duplicates.Duplicates(), []
    plain = picture.pixels_of
    monkeypatch.setattr(picture, "pixels_of", lambda path, mel: read.append(path.name) or plain(path, mel))
    finder.of(made)
    finder.of(made)
    assert read == ["0.png", "1.png", "2.png", "3.png"]
    picture.save(made.folder / "1.png", picture.of_sound(kit[0], MEL))
    assert finder.of(made) == [("0.png", "1.png", "2.png")]


def test_the_search_can_be_stopped(made):
    def stop(progress):
        if progress.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        duplicates.Duplicates().of(made, report=stop)
