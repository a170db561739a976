"""The table of the tab Dataset in a real browser: captions, weights, near duplicates, and other hands in it."""

import pytest
from dataset_hands import hit, name_dataset, prepared, row, saved, shots, tidy
from page_hands import open_tab, wav


@pytest.fixture
def page(same_page):
    """The page of all these tests, on its tab Dataset, where each works in a dataset of its own."""
    return tidy(same_page)


# --------------------------------------------------------------------------------------------- captions and weights
@pytest.fixture
def kit(page, served, request):
    """Four sounds in a dataset of their own, shown on the page."""
    name = request.node.name.removeprefix("test_")[:40]
    prepared(page, name, {"kick a.wav": wav(60), "kick b.wav": wav(61), "snare.wav": wav(800), "dusty.wav": wav(3000)})
    return name


def test_a_caption_is_written_in_its_row_and_taken_back(page, served, kit):
    text = shots(served, kit)["snare"].text
    page.fill(f"{row('snare')} .text", "my own words")
    saved(page, lambda: page.keyboard.press("Enter"))
    assert shots(served, kit)["snare"].text == "my own words"
    page.fill(f"{row('snare')} .weight", "2.5")
    saved(page, lambda: page.keyboard.press("Tab"))
    page.fill(f"{row('snare')} .weight", "")
    page.keyboard.press("Tab")
    assert page.input_value(f"{row('snare')} .weight") == "2.5"  # no number is not "never"
    saved(page, lambda: page.uncheck(f"{row('snare')} .use", force=True))
    assert (shots(served, kit)["snare"].weight, shots(served, kit)["snare"].enabled) == (2.5, False)
    assert "4 sounds, 3 in use" in page.inner_text(".sound_table .sum")
    for _ in range(3):
        saved(page, lambda: page.click(".sound_table .back"))
    back = shots(served, kit)["snare"]
    assert (back.text, back.weight, back.enabled) == (text, 1, True)
    assert page.is_disabled(".sound_table .back")


def test_enter_goes_through_the_captions_and_plays_each(page, served, kit):
    texts = page.evaluate("[...document.querySelectorAll('.sound .text')].map(each => each.value)")
    page.click(".sound:nth-child(1) .text")
    page.keyboard.press("End")
    page.keyboard.type(" one")
    saved(page, lambda: page.keyboard.press("Enter"))
    assert page.evaluate("document.activeElement.value") == texts[1]
    page.wait_for_function("document.querySelector('.sound_card').dataset.played?.includes('images/')")
    page.keyboard.type("thrown away")
    page.keyboard.press("Escape")
    assert sorted(shot.text for shot in shots(served, kit).values()) == sorted([f"{texts[0]} one", *texts[1:]])


def test_many_captions_are_edited_at_once(page, served, kit):
    def apply(how, words="", others="", role=""):
        page.select_option(".bar .how", how)
        if role:
            page.select_option(".bar .role", role)
        else:
            page.fill(".bar .words", words)
        if others:
            page.fill(".bar .others", others)
        saved(page, lambda: page.click(".bar .apply"))

    apply("add", "my kit")
    assert all(shot.text.endswith("my kit") for shot in shots(served, kit).values())
    page.fill(".bar .search", "kick")
    page.wait_for_function("document.querySelector('.sound_table').dataset.shown === '2'")
    apply("replace", "kick", "boom")
    page.fill(".bar .search", "")
    page.click(f"{row('dusty')} .pick")
    apply("role", role="clap")
    found = {name: shot.text for name, shot in shots(served, kit).items()}
    assert "boom" in found["kick a"] and "boom" in found["kick b"] and "kick" not in found["kick a"]
    assert found["dusty"].startswith("clap, ") and "clap" not in found["snare"] and "boom" not in found["snare"]
    assert "clap 1" in page.inner_text(".chips")
    for _ in range(3):
        saved(page, lambda: page.click(".sound_table .back"))
    assert not any("my kit" in shot.text for shot in shots(served, kit).values())


def test_chosen_sounds_are_left_out_and_a_chip_shows_them(page, served, kit):
    page.click(f"{row('kick_a')} .pick")
    page.click(f"{row('kick_b')} .pick")
    assert page.inner_text(".bar .target") == "2 chosen:"
    saved(page, lambda: page.click(".bar .leave"))
    assert sorted(name for name, shot in shots(served, kit).items() if not shot.enabled) == ["kick a", "kick b"]
    page.click(".chip.unused")
    page.wait_for_function("document.querySelector('.sound_table').dataset.shown === '2'")
    page.click(".chip.unused")
    page.click(".chip.role >> text=snare")
    page.click(f"{row('snare')} .use")
    page.click(".chip.role >> text=snare 0")  # none of it is in use: that filter, too, can be taken off
    page.wait_for_function("document.querySelector('.sound_table').dataset.shown === '4'")
    saved(page, lambda: page.click(f"{row('snare')} .use"))
    page.click(".chip.unused")
    page.wait_for_function("document.querySelector('.sound_table').dataset.shown === '2'")
    saved(page, lambda: page.click(".bar .use"))
    assert all(shot.enabled for shot in shots(served, kit).values())


def test_an_edit_that_cannot_be_is_told_in_a_toast_and_the_row_shows_what_is_there(page, served, kit):
    text = shots(served, kit)["snare"].text
    page.fill(f"{row('snare')} .text", " ")
    page.keyboard.press("Tab")
    page.wait_for_selector(".toast-body")
    assert "its caption is empty; write a word" in page.inner_text(".toast-body")
    page.wait_for_selector(f"{row('snare')} .text[title='{text}']")
    assert page.input_value(f"{row('snare')} .text") == text


def test_keys_go_through_the_sounds_and_are_silent_while_one_types(page, served, kit):
    page.evaluate("delete document.querySelector('.sound_card').dataset.played")
    page.click(".bar .search")
    page.keyboard.type(" ")
    page.keyboard.press("ArrowDown")
    assert not page.get_attribute(".sound_card", "data-played")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelector('.sound_card').dataset.played")
    first = page.get_attribute(".sound_card", "data-id")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("first => document.querySelector('.sound_card').dataset.id !== first", arg=first)
    saved(page, lambda: page.keyboard.press("u"))
    assert [shot.enabled for shot in shots(served, kit).values()].count(False) == 1
    saved(page, lambda: page.keyboard.press("Control+z"))
    assert all(shot.enabled for shot in shots(served, kit).values())
    open_tab(page, "Train")
    page.keyboard.press("u")
    open_tab(page, "Dataset")
    page.wait_for_selector(".sound")
    assert all(shot.enabled for shot in shots(served, kit).values())


def test_near_duplicates_are_marked_and_one_of_each_is_used(page, served):
    files = {"kick.wav": wav(60), "hat.wav": wav(7000), "copy of kick.wav": hit(60, before=0.02), "snare.wav": wav(700)}
    prepared(page, "twice", files)
    page.click(".chip.near")
    page.wait_for_function("document.querySelector('.sound_table').dataset.shown === '2'")
    page.click(".sound .thumb")
    page.wait_for_selector(".sound_card .near .other")
    saved(page, lambda: page.click(".bar .one"))
    used = {name for name, shot in shots(served, "twice").items() if shot.enabled}
    assert len(used) == 3 and {"hat", "snare"} < used  # and one of the two kicks


# ------------------------------------------------------------------------------------------------------ other hands
def test_two_pages_edit_the_same_dataset_and_nothing_is_lost(page, open_page, served, kit):
    other = open_page()
    name_dataset(other, kit)
    other.wait_for_selector(".sound")
    page.fill(f"{row('snare')} .text", "from here")
    saved(page, lambda: page.keyboard.press("Tab"))
    other.fill(f"{row('dusty')} .text", "from there")
    saved(other, lambda: other.keyboard.press("Tab"))
    assert {shots(served, kit)[name].text for name in ("snare", "dusty")} == {"from here", "from there"}
    # it heard of the other's edit with its own
    other.wait_for_selector(f"{row('snare')} .text[title='from here']")


def test_a_file_that_vanished_is_shown_and_its_line_can_be_forgotten(page, served, kit):
    (served.workspace.datasets / kit / shots(served, kit)["snare"].audio).unlink()
    open_tab(page, "Train")
    open_tab(page, "Dataset")
    page.wait_for_selector(".sound.gone")
    page.click(".chip.gone")
    page.click(".sound .thumb")
    page.wait_for_function("/vanished|does not say/.test(document.querySelector('.sound_card .legend').innerText)")
    saved(page, lambda: page.click(".bar .forget"))
    assert sorted(shots(served, kit)) == ["dusty", "kick a", "kick b"]


def test_a_dataset_that_is_gone_is_told_and_the_page_goes_on(page, served, kit):
    import shutil

    shutil.rmtree(served.workspace.datasets / kit)
    page.fill(".sound .text", "too late")
    page.keyboard.press("Tab")
    page.wait_for_selector(".toast-body")
    assert "prepare sounds into it first" in page.inner_text(".toast-body")
    page.wait_for_function("document.querySelector('.sound_table').dataset.rows === '0'")
    page.wait_for_selector(".sound_table .empty:not(:empty)")
