"""What a page's pads show and what becomes of them, without a page."""

import types
from pathlib import Path

import gradio as gr
import pytest
import torch
from page_hands import keep_takes

from studio.engine import audio
from studio.errors import StudioError
from studio.ui import shelf, takes
from studio.ui.components.pads import Slot
from studio.ui.shelf import Shelf
from studio.ui.studio import Studio

ME, OTHER = (types.SimpleNamespace(session_hash=name) for name in ("me", "other"))


def asks(**said):
    return gr.EventData(None, said)


@pytest.fixture
def ground(workspace, tmp_path):
    workspace.cache.mkdir(parents=True)
    return types.SimpleNamespace(workspace=workspace, base=tmp_path / "base")


def a_shelf(ground, guest=False):
    with gr.Blocks(analytics_enabled=False) as page:
        return Shelf(Studio(ground.workspace, page, gr.Timer(3), guest=guest))


def names(screen):
    return ["…" if isinstance(each, Slot) else each.title for each in screen.pads]


def test_a_page_opens_with_the_newest_takes(ground):
    keep_takes(ground, 20)
    screen, closeup = a_shelf(ground).show(ME)
    assert names(screen) == [f"take {number}" for number in range(19, 3, -1)]
    assert closeup is None


def test_new_sounds_stand_first_then_slots_then_what_was_there(ground):
    kept = keep_takes(ground, 5)
    mine = a_shelf(ground)
    place = mine.place("me")
    place.names.remove(kept[0])
    place.slots = [Slot(0.5), Slot()]
    mine.add(place, mine._find(kept[0]))
    assert names(mine.screen(place)) == ["take 4", "…", "…", "take 3", "take 2", "take 1", "take 0"]


def test_a_screen_grows_for_a_long_run_but_not_for_what_was_there(ground):
    keep_takes(ground, 18)
    place = (mine := a_shelf(ground)).place("me")
    place.slots = [Slot()] * 40
    assert len(mine.screen(place).pads) == 40
    place.slots = [Slot()] * 3
    assert len(mine.screen(place).pads) == shelf.SHOWN
    place.names, place.fresh = place.names * 5, 90  # made in one run
    assert len(mine.screen(place).pads) == shelf.MOST_SHOWN


def test_pages_do_not_disturb_one_another_and_share_what_is_marked(ground):
    first = keep_takes(ground, 3)[0]
    mine = a_shelf(ground)
    mine.show(ME), mine.show(OTHER)
    mine.choose(ME, asks(id=first))
    mine.star(OTHER, asks(id=first, on=True))
    screen, closeup = mine.show(ME)
    assert screen.pads[0].starred and closeup.starred
    assert mine.show(OTHER)[1] is None


def test_what_is_thrown_away_leaves_the_close_up_and_comes_back_to_its_places(ground):
    kept = keep_takes(ground, 6)
    mine = a_shelf(ground)
    mine.show(ME)
    mine.choose(ME, asks(id=kept[3]))
    screen, closeup = mine.remove(ME, asks(ids=[kept[1], kept[3], "../secret.wav", "no.wav"]))
    assert names(screen) == ["take 5", "take 3", "take 1", "take 0"] and closeup is None and screen.thrown == 2
    screen, _ = mine.undo(ME)
    assert names(screen) == [f"take {number}" for number in range(5, -1, -1)] and screen.thrown == 0
    assert not list(ground.workspace.trash.glob("*"))


def test_what_two_presses_threw_away_comes_back_press_by_press(ground):
    kept = keep_takes(ground, 4)
    mine = a_shelf(ground)
    for going, there in ((kept[1:3], 2), (kept[:1], 3)):
        screen, _ = mine.remove(ME, asks(ids=going))
        assert screen.thrown == there
    everything = ["take 3", "take 2", "take 1", "take 0"]
    for left in (["take 3", "take 0"], everything, everything):
        screen, _ = mine.undo(ME)
        assert names(screen) == left
    assert screen.thrown == 0


def test_the_pads_of_a_long_run_stay_the_sounds_that_they_are(ground, monkeypatch):
    monkeypatch.setattr(shelf, "MOST_SHOWN", 3)
    monkeypatch.setattr(shelf, "SHOWN", 2)
    kept = keep_takes(ground, 5)[::-1]
    mine = a_shelf(ground)
    place = mine.place("me")
    place.names.clear()
    for number, name in enumerate(kept):
        place.slots = [Slot()] * min(3, 5 - number)
        assert names(mine.screen(place)) == [*[f"take {n}" for n in range(number)], "…", "…", "…"][:3]
        mine.add(place, mine._find(name))


def test_what_is_thrown_away_twice_comes_back_all_the_same(ground):
    kept = keep_takes(ground, 3)
    mine = a_shelf(ground)
    for _ in range(2):  # the second press came before the answer to the first
        screen, _ = mine.remove(ME, asks(ids=[kept[1]]))
        assert screen.thrown == 1
    assert names(mine.undo(ME)[0]) == ["take 2", "take 1", "take 0"]


def test_sounds_of_a_run_that_goes_on_come_back_before_its_slots(ground):
    kept = keep_takes(ground, 4)
    mine = a_shelf(ground)
    place = mine.place("me")
    place.fresh, place.slots = 2, [Slot()]
    mine.remove(ME, asks(ids=[kept[0], kept[1], kept[3]]))
    assert names(mine.screen(place)) == ["…", "take 1"]
    assert names(mine.undo(ME)[0]) == ["take 3", "take 2", "…", "take 1", "take 0"]


def test_undo_leaves_out_what_is_no_longer_in_the_trash(ground):
    kept = keep_takes(ground, 3)
    mine = a_shelf(ground)
    mine.remove(ME, asks(ids=kept[:2]))
    (ground.workspace.trash / kept[0]).unlink()
    assert names(mine.undo(ME)[0]) == ["take 1", "take 0"]


def test_a_renamed_take_keeps_its_pad_and_its_close_up(ground):
    kept = keep_takes(ground, 3)
    mine = a_shelf(ground)
    mine.show(ME)
    mine.choose(ME, asks(id=kept[1]))
    screen, closeup = mine.rename(ME, asks(id=kept[1], name="Große Trommel: 1/2"))
    assert names(screen) == ["take 2", "Große Trommel: 1/2", "take 0"]
    assert closeup.id == screen.pads[1].id == closeup.file and closeup.recipe[0] == ("prompt", "take 1")


def test_a_take_that_is_gone_is_refused_by_name_and_left_out(ground):
    kept = keep_takes(ground, 3)
    mine = a_shelf(ground)
    mine.show(ME)
    (ground.workspace.takes / kept[0]).unlink()
    for act in (mine.choose, mine.star, mine.rename, mine.note, mine.reveal):
        with pytest.raises(StudioError, match="no longer in takes"):
            act(ME, asks(id=kept[0], on=True, name="x", note="y"))
    assert names(mine.show(ME)[0]) == ["take 1", "take 0"]


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "", None, {"a": 1}, "take.png"])
def test_a_page_cannot_name_a_file(ground, name):
    keep_takes(ground, 1)
    with pytest.raises(StudioError):
        a_shelf(ground).take(ME, asks(id=name))


def test_guests_see_and_ask_for_their_own_sounds_only(ground):
    theirs, users = keep_takes(ground, 2)
    mine = a_shelf(ground, guest=True)
    assert names(mine.show(ME)[0]) == []
    mine.add(mine.place("me"), mine._find(theirs))
    assert mine.choose(ME, asks(id=theirs)).path == ""  # and are not told where they lie
    take = mine._find(theirs)
    settings = {"prompt": "/ kick /", "base": str(ground.workspace.root / "bases" / "mine")}
    audio.write(take.path, *audio.read(take.path), take.recipe | {"settings": settings | {
        "lora": [f"{ground.workspace.loras / 'my kit'}.safetensors:0.8"]}})
    heard = Path(takes.served(mine.studio, take))
    assert heard.name == theirs and str(ground.workspace.root).encode() not in heard.read_bytes()
    assert audio.read_recipe(heard)["settings"] == {"prompt": "/ kick /", "base": "mine",
                                                    "lora": ["my kit.safetensors:0.8"]}
    assert torch.equal(audio.read(heard)[0], audio.read(take.path)[0])
    for request, name in ((ME, users), (OTHER, theirs)):
        with pytest.raises(StudioError, match="not one of your sounds"):
            mine.choose(request, asks(id=name))


def test_a_damaged_picture_costs_the_thumbnail_and_nothing_else(ground):
    name = keep_takes(ground, 1)[0]
    (ground.workspace.takes / name).with_suffix(".png").write_bytes(b"no picture")
    pad = a_shelf(ground).show(ME)[0].pads[0]
    assert pad.image == "" and pad.title == "take 0"
