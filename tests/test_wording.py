"""Captions edited in bulk: only what was meant changes."""

import pytest

from studio.engine import wording
from studio.engine.captions import USUAL
from studio.errors import StudioError


@pytest.mark.parametrize(("text", "role"), [
    ("hard 808 kick, long, dark, G1", "kick"), ("808, long", "808"), ("tight closed hat", "closed hat"), ("hat", "hat"),
    ("Closed  Hat, short", "closed hat"), ("two kicks", "kick"), ("kick snare", "snare"), ("snare fx", "snare"),
    ("noise fx", "fx"), ("hi-fi sidekick", ""), ("", ""), ("キック", ""), ("low conga, dry", "low conga"),
    ("hand clap", "clap"), ("${alert(1)}", "")])
def test_the_role_is_what_the_caption_says_the_sound_is(text, role):
    assert wording.role_of(text) == role


def test_every_role_that_is_measured_against_can_be_named():
    assert set(wording.roles()) >= set(USUAL) - {""}
    assert all(wording.role_of(f"dry {role}, short") == role for role in wording.roles())


@pytest.mark.parametrize(("text", "role", "after"), [
    ("hard 808 kick, long", "snare", "hard 808 snare, long"), ("dusty, short", "clap", "clap, dusty, short"),
    ("open hat, bright", "ride", "ride, bright"), ("808, long", "kick", "kick, long"), ("", "kick", "kick")])
def test_another_role_takes_the_place_of_the_one_before(text, role, after):
    assert wording.with_role(text, role) == after
    assert wording.role_of(after) == role


def test_words_are_added_once_in_front_or_behind():
    assert wording.with_words("kick, long", "dusty") == "kick, long, dusty"
    assert wording.with_words("kick, long", "my kit", front=True) == "my kit, kick, long"
    assert wording.with_words("kick, Dusty", "dusty") == "kick, Dusty"
    assert wording.with_words("kick, dustyish", "dusty") == "kick, dustyish, dusty"


@pytest.mark.parametrize(("text", "words", "others", "after"), [
    ("hard kick, long, dark", "long", "", "hard kick, dark"), ("hard kick", "hard", "", "kick"),
    ("Hard kick, hardest", "hard", "soft", "soft kick, hardest"), ("open  hat", "open hat", "ride", "ride"),
    ("kick", "kick", "", ""), ("a (b) c", "(b)", "", "a c"), ("x, kick, x", "x", r"\1", r"\1, kick, \1"),
    ("kick, long", "ong", "x", "kick, long")])
def test_words_are_exchanged_whole_and_nothing_else_changes(text, words, others, after):
    assert wording.exchanged(text, words, others) == after


def test_no_words_are_refused():
    for edit in (lambda: wording.with_words("kick", " , "), lambda: wording.exchanged("kick", "", "x")):
        with pytest.raises(StudioError, match="no words"):
            edit()
