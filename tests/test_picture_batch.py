import io
import zipfile
from pathlib import Path

import pytest
import soundfile
import torch

from studio.engine import picture, picture_batch
from studio.errors import Cancelled
from studio.settings import MelSettings

MEL = MelSettings(iterations=2)


def png(path: Path, samples: int, mel: MelSettings = MEL) -> Path:
    path.parent.mkdir(exist_ok=True)
    return picture.save(path, picture.of_sound(torch.linspace(1, 0, samples), mel))


def lengths(archive: Path) -> dict[str, tuple[int, int]]:
    with zipfile.ZipFile(archive) as whole:
        infos = {name: soundfile.info(io.BytesIO(whole.read(name))) for name in whole.namelist()}
    return {name: (info.frames, info.samplerate) for name, info in infos.items()}


def test_each_picture_is_decoded_with_its_own_settings(tmp_path):
    paths = [png(tmp_path / "one.png", 3000),
             png(tmp_path / "two.png", 5000, MelSettings(iterations=2, sample_rate=48000))]
    made = list(picture_batch.decode(paths, tmp_path / "all.zip"))
    assert [each.name for each in made] == ["one.wav", "two.wav"]
    assert lengths(tmp_path / "all.zip") == {"one.wav": (3000, 44100), "two.wav": (5000, 48000)}


def test_pictures_of_the_same_name_keep_apart(tmp_path):
    paths = [png(tmp_path / folder / "kick.png", samples) for folder, samples in (("a", 3000), ("b", 4000))]
    list(picture_batch.decode(paths, tmp_path / "all.zip"))
    assert {name: frames for name, (frames, _) in lengths(tmp_path / "all.zip").items()} == {
        "kick.wav": 3000, "kick_2.wav": 4000}


def test_a_refused_picture_is_named_with_its_reason_and_the_others_go_on(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    made = list(picture_batch.decode([tmp_path / "broken.png", png(tmp_path / "kick.png", 3000)], tmp_path / "all.zip"))
    assert made[0].name == "broken.png" and made[0].refused.startswith("is no picture")
    assert made[1] == picture_batch.Decoded("kick.wav")


def test_a_stop_leaves_a_whole_archive_of_what_is_done(tmp_path):
    paths = [png(tmp_path / f"{number}.png", 3000) for number in range(3)]

    def stop_at_the_second(progress):
        if progress.step == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(picture_batch.decode(paths, tmp_path / "all.zip", report=stop_at_the_second))
    assert list(lengths(tmp_path / "all.zip")) == ["0.wav"]


def test_a_reader_that_leaves_leaves_a_whole_archive(tmp_path):
    reading = picture_batch.decode([png(tmp_path / f"{number}.png", 3000) for number in range(3)], tmp_path / "all.zip")
    next(reading)
    reading.close()
    assert list(lengths(tmp_path / "all.zip")) == ["0.wav"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
