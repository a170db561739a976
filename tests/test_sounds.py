import pytest
import soundfile
import torch

from studio.errors import StudioError
from studio.ui.sounds import KEPT, Sounds


@pytest.fixture
def stereo(tmp_path):
    """A file with silence before a sound that is louder on the left."""
    sides = torch.zeros(20000, 2)
    sides[5000:15000] = torch.linspace(1, 0.1, 10000)[:, None] * torch.tensor([0.8, 0.2])
    soundfile.write(tmp_path / "sides.wav", sides.numpy(), 44100)
    return tmp_path / "sides.wav"


def test_a_stereo_file_can_be_had_mixed_and_with_both_sides(stereo):
    sounds = Sounds()
    token = sounds.read(stereo)
    mono, sides = sounds.at(token, 44100), sounds.at(token, 44100, stereo=True)
    assert mono.shape == (sides.shape[1],)
    assert sides.shape[0] == 2 and len(mono) < 12000  # trimmed
    assert sides[0].abs().max() == pytest.approx(4 * float(sides[1].abs().max()), rel=0.01)


def test_a_mono_sound_has_the_same_on_both_sides():
    sounds = Sounds()
    token = sounds.keep(torch.randn(100), 44100, "noise")
    sides = sounds.at(token, 44100, stereo=True)
    assert sides.shape == (2, 100) and torch.equal(sides[0], sides[1])


def test_another_rate_is_made_for_the_sides_that_are_asked_for():
    sounds = Sounds()
    token = sounds.keep(torch.randn(2, 4410), 44100, "noise")
    assert sounds.at(token, 22050).shape == (2205,)
    assert sounds.at(token, 22050, stereo=True).shape == (2, 2205)


def test_the_oldest_sound_is_forgotten_and_says_so():
    sounds = Sounds()
    tokens = [sounds.keep(torch.zeros(10), 44100, str(number)) for number in range(KEPT + 1)]
    assert sounds.name(tokens[1]) == "1"
    with pytest.raises(StudioError, match="no longer held"):
        sounds.at(tokens[0], 44100)
