import pytest

from studio import presets
from studio.dial import RANK, STEPS, TURNED, WORDS, batch_of, steps_of, turned
from studio.knobs import as_dict
from studio.settings import TrainSettings


@pytest.mark.parametrize("name", presets.names("train"))
def test_every_position_is_a_training_that_can_be_started(name):
    settings = presets.load("train", name)
    results = [turned(settings, position) for position in WORDS]
    assert [each.steps for each in results] == sorted({each.steps for each in results})
    assert [each.rank for each in results] == sorted(each.rank for each in results)
    assert results[2] == settings


@pytest.mark.parametrize("position", WORDS)
def test_the_dial_moves_nothing_but_what_it_says_and_keeps_the_strength_of_the_rank(position):
    before = TrainSettings(rank=16, alpha=4, seed=9, learning_rate=0.002, warmup_steps=50)
    after = turned(before, position)
    assert {key for key, value in as_dict(after).items() if value != as_dict(before)[key]} <= set(TURNED)
    assert after.alpha / after.rank == before.alpha / before.rank
    assert after.warmup_steps <= after.steps / 5 or after.warmup_steps == before.warmup_steps


def test_every_position_has_its_words_and_its_factors():
    assert WORDS.keys() == STEPS.keys() == RANK.keys() and 0 in WORDS


def test_epochs_count_where_they_are_given():
    settings = TrainSettings(epochs=10, batch_size=4, gradient_accumulation=2, steps=7)
    assert batch_of(settings, 2) == 16
    assert steps_of(settings, 24, 2) == 15 and steps_of(TrainSettings(steps=7), 24, 2) == 7
    assert turned(settings, 1).epochs == 20


def test_a_small_rank_stays_one():
    assert turned(TrainSettings(rank=1, alpha=1), -2).rank == 1
