import json
import urllib.request

import pytest
from page_hands import HOSTILE, dragged, hear, no_markup, open_tab, pad

WATCH_GAINS = """() => { window.gains = []; const Given = window.Given = window.Given || GainNode;
    window.GainNode = function (context, options) {
        gains.push(options.gain);
        return new Given(context, options); }; }"""


# ----------------------------------------------------------------------------------------------------- playing sounds
def test_keys_play_by_rows_and_arrows_move_the_choice(still):
    page = still
    page.evaluate("document.activeElement.blur()")
    for key, number in (("1", 19), ("8", 12), ("q", 11), ("i", 4), ("ArrowLeft", 5), ("ArrowUp", 13)):
        page.keyboard.press(key)
        assert page.get_attribute("#generate-pads .pads", "data-played").startswith(f"take_{number}"), key
        assert page.locator("#generate-pads .pad.chosen").get_attribute("data-id").startswith(f"take_{number}")


def test_a_key_sounds_at_once(still):
    """The sound starts inside the key's own event, out of memory: what is left is the device's own delay."""
    started = still.evaluate("""() => { const root = document.querySelector('#generate-pads .pads');
        const key = new KeyboardEvent('keydown', {key: '3', code: 'Digit3', bubbles: true, cancelable: true});
        document.body.dispatchEvent(key);
        return {played: root.dataset.played, state: root.dataset.state, latency: Number(root.dataset.latency)}; }""")
    assert started["played"].startswith("take_17") and started["state"] == "playing"
    assert 0 < started["latency"] < 1000  # milliseconds from the key to the start, and the device's delay


def test_of_a_quick_run_over_the_keys_the_last_is_looked_at(still):
    for key in "12345678":
        still.keyboard.press(key)
    still.wait_for_selector("#generate-detail .detail[data-id^='take_12']")


def test_space_plays_again_escape_stops_and_l_loops(still):
    page = still
    page.keyboard.press("2")
    page.keyboard.press("l")
    page.keyboard.press(" ")
    page.wait_for_selector("#generate-pads .pad.playing[data-id^='take_18']")
    assert page.evaluate("document.oneShotSpeaker.state.looped")
    page.wait_for_function("document.oneShotSpeaker.position(document.querySelector('.pad.playing').dataset.id) < 0.02")
    page.keyboard.press("Escape")
    page.wait_for_selector("#generate-pads .pads[data-state=stopped]")
    page.keyboard.press("l")


def test_pads_on_a_hidden_tab_are_deaf(still):
    page = still
    page.keyboard.press("1")
    open_tab(page, "Train")
    page.keyboard.press("4")
    open_tab(page, "Generate")
    assert page.get_attribute("#generate-pads .pads", "data-played").startswith("take_19")


def test_a_sound_on_another_screen_is_not_what_delete_means(still, served):
    page, pads = still, "#transform-pads"
    open_tab(page, "Transform")
    page.wait_for_selector(f"{pads} .pad")
    page.keyboard.press("1")
    assert page.locator(f"{pads} .acts").is_visible()
    page.keyboard.press("PageDown")
    page.wait_for_selector(f"{pads} .pages >> text=9–16")
    assert not page.locator(f"{pads} .acts").is_visible()
    page.keyboard.press("Delete")
    page.keyboard.press("PageUp")
    assert page.locator(f"{pads} .pages").inner_text().startswith("1–8 of 16")
    open_tab(page, "Generate")


def test_pads_play_equally_loud_unless_that_is_switched_off(still):
    page = still
    page.evaluate(WATCH_GAINS)
    page.keyboard.press("1")  # full scale
    page.keyboard.press("2")  # a tenth of it
    page.click("#generate-pads .level")
    page.keyboard.press("1")
    loud, quiet, plain = page.evaluate("gains")
    assert quiet == pytest.approx(10 * loud, rel=0.02) and plain == 1
    page.click("#generate-pads .level")


PRESS = """([note, velocity]) => midiInput.onmidimessage(
    {data: [0x90, note, velocity], timeStamp: performance.now()})"""


def connected(page):
    """The page with a pad controller that PRESS plays."""
    if not page.locator("#generate-pads .midi.on").count():
        page.evaluate("""() => { window.midiInput = {name: 'Test Pad', onmidimessage: null};
            const inputs = new Map([['a', midiInput]]);
            window.asked = 0;
            navigator.requestMIDIAccess = async () => { asked += 1; return {inputs, onstatechange: null}; }; }""")
        page.click("#generate-pads .midi")
        page.wait_for_selector("#generate-pads .midi.on")
        page.click("#generate-pads .midi")
        assert page.evaluate("asked") == 1  # a second access would hear every note a second time
    return page


def test_what_is_wrong_with_midi_is_to_be_read(open_page):
    page = open_page()
    open_tab(page, "Generate")
    page.wait_for_selector("#generate-pads .midi")
    page.evaluate("() => { navigator.requestMIDIAccess = async () => { throw new Error('no'); }; }")
    page.click("#generate-pads .midi")
    page.wait_for_function("document.querySelector('#generate-pads .said').textContent.includes('not allowed')")
    page.evaluate("() => { navigator.requestMIDIAccess = async () => ({inputs: new Map(), onstatechange: null}); }")
    page.click("#generate-pads .midi")
    page.wait_for_function("document.querySelector('#generate-pads .said').textContent.includes('no controller')")


def test_a_pad_controller_plays_the_pads_with_its_velocity(still):
    page = connected(still)
    page.evaluate(WATCH_GAINS)
    assert page.get_attribute("#generate-pads .midi", "title") == "Test Pad"
    page.evaluate(PRESS, [37, 127])
    page.evaluate(PRESS, [37, 64])
    page.evaluate(PRESS, [37, 0])  # a note that ends
    assert page.get_attribute("#generate-pads .pads", "data-played").startswith("take_18")
    hard, soft = page.evaluate("gains")
    assert soft / hard == pytest.approx((64 / 127) ** 2, rel=0.01)


# -------------------------------------------------------------------------------------------- what is done with them
def recipes(served, name):
    return [json.loads(path.read_text(encoding="utf-8")) for path in served.workspace.takes.glob(f"{name}.json")]


def test_a_star_is_kept_beside_the_sound_and_shown_on_pad_and_player(pads, served):
    page = pads
    name = hear(page, 1)
    page.keyboard.press("s")
    page.wait_for_selector("#generate-pads .pad.starred")
    page.wait_for_selector("#generate-detail .detail[data-starred=true]")
    assert recipes(served, name)[0]["marks"]["starred"] is True
    page.click("#generate-detail .star")
    page.wait_for_selector("#generate-detail .detail[data-starred=false]")
    assert page.locator("#generate-pads .pad.starred").count() == 0


def test_several_are_starred_together_and_the_star_is_taken_off_together(pads, served):
    page = pads
    hear(page, 2)
    page.click(pad(5), modifiers=["Shift"])
    page.keyboard.press("s")
    page.wait_for_function("document.querySelectorAll('#generate-pads .pad.starred').length === 4")
    page.keyboard.press("s")
    page.wait_for_function("document.querySelectorAll('#generate-pads .pad.starred').length === 0")


def test_a_new_name_is_text_on_the_pad_and_a_file_name_in_the_folder(pads, served):
    page = pads
    hear(page, 2)
    page.keyboard.press("F2")
    page.keyboard.type(f"deep {HOSTILE}")
    page.keyboard.press("Enter")
    page.wait_for_selector("#generate-pads .pad.chosen[data-id^='deep_']")  # chosen still
    assert page.inner_text("#generate-pads .pad.chosen .title") == f"deep {HOSTILE}"
    page.wait_for_selector("#generate-detail .detail[data-id^='deep_']")
    assert [path.stem for path in served.workspace.takes.glob("deep_alert*")] == [
        page.get_attribute("#generate-detail .detail", "data-id").removesuffix(".wav")] * 3
    page.fill("#generate-detail .name", "plain")
    page.keyboard.press("Enter")
    page.wait_for_selector("#generate-pads .pad.chosen[data-id^='plain']")
    assert no_markup(page)


def test_a_note_is_kept(still, served):
    page = still
    name = hear(page, 1)
    page.fill("#generate-detail .note", "for the second verse, not the first: 1")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('#generate-detail .note').value.endsWith('1')")
    hear(page, 2)
    hear(page, 1)
    assert page.input_value("#generate-detail .note") == "for the second verse, not the first: 1"
    assert recipes(served, name)[0]["marks"]["note"] == "for the second verse, not the first: 1"


def test_a_note_is_the_sounds_that_it_was_begun_for_though_another_came_up_meanwhile(still, served):
    page = connected(still)
    hear(page, 2)
    other = page.input_value("#generate-detail .note")
    name = hear(page, 3)
    page.fill("#generate-detail .note", "too long")
    page.evaluate(PRESS, [37, 100])
    page.wait_for_selector(f"#generate-detail .detail[data-id='{page.get_attribute(pad(2), 'data-id')}']")
    assert page.input_value("#generate-detail .note") == "too long"
    page.keyboard.press("Tab")
    page.wait_for_function("said => document.querySelector('#generate-detail .note').value === said", arg=other)
    hear(page, 3)
    page.wait_for_function("document.querySelector('#generate-detail .note').value === 'too long'")
    assert recipes(served, name)[0]["marks"]["note"] == "too long"


def test_what_is_thrown_away_can_be_brought_back_to_its_pad(pads, served):
    page = pads
    hear(page, 2)
    page.click(pad(4), modifiers=["Shift"])
    gone = page.eval_on_selector_all("#generate-pads .pad.chosen", "pads => pads.map(pad => pad.dataset.id)")
    assert [name.split(".")[0].rpartition("_")[0] for name in gone] == ["take_18", "take_17", "take_16"]
    before = page.eval_on_selector_all("#generate-pads .pad", "pads => pads.map(pad => pad.dataset.id)")
    page.keyboard.press("Delete")
    page.wait_for_selector("#generate-pads .undo:not([hidden])")
    assert page.get_attribute(f"{pad(2)}.chosen", "data-id").startswith("take_15")  # what came to stand there
    page.wait_for_selector("#generate-detail .detail[data-id^='take_15']")
    for name in gone:
        assert not (served.workspace.takes / name).exists() and (served.workspace.trash / name).is_file()
    page.keyboard.press("Control+z")
    page.wait_for_selector("#generate-pads .undo", state="hidden")
    assert page.eval_on_selector_all("#generate-pads .pad", "pads => pads.map(pad => pad.dataset.id)") == before
    assert all((served.workspace.takes / name).is_file() for name in gone)


def test_a_take_that_went_behind_our_back_is_told_of_and_leaves_its_pad(pads, served):
    page = pads
    name = hear(page, 1)
    for path in served.workspace.takes.glob(f"{name}.*"):
        path.unlink()
    page.keyboard.press("s")
    page.wait_for_selector(".toast-body")
    assert "is no longer in takes" in page.inner_text(".toast-body")
    page.wait_for_function("name => !document.querySelector(`#generate-pads .pad[data-id='${name}.wav']`)", arg=name)


def test_several_chosen_pads_are_carried_as_several_addresses(still):
    page = still
    page.click(pad(1))
    page.click(pad(3), modifiers=["Control"])
    carried = dragged(page, pad(3))
    addresses = carried["text/uri-list"].split("\r\n")
    assert [url.rpartition("/")[2].rpartition("_")[0] for url in addresses] == ["take_19", "take_17"]
    assert carried["DownloadURL"].endswith(addresses[1])  # the one under the mouse
    for url in addresses:
        with urllib.request.urlopen(url) as answer:
            assert answer.read(4) == b"RIFF"
    assert dragged(page, pad(2))["text/uri-list"].count("http") == 1  # one that is not chosen goes alone


def test_a_finger_chooses_several_by_tapping_them(still):
    page = still
    page.click(pad(1))
    assert not page.is_visible("#generate-pads .several")  # a mouse has Ctrl and Shift beside it
    page.evaluate("document.querySelector('#generate-pads .several').click()")
    played = page.get_attribute("#generate-pads .pads", "data-played")
    page.click(pad(3))
    page.click(pad(4))
    page.click(pad(4))
    assert page.get_attribute("#generate-pads .pads", "data-played") == played
    assert dragged(page, pad(3))["text/uri-list"].count("http") == 2
    page.evaluate("document.querySelector('#generate-pads .several').click()")
    page.click(pad(2))
    assert page.locator("#generate-pads .pad.chosen").count() == 1


def test_the_play_head_follows_the_pad_and_a_click_plays_from_there(still):
    page = still
    page.keyboard.press("l")
    hear(page, 1)
    page.wait_for_selector("#generate-detail .detail[data-state=playing] .head:not([hidden])")
    page.evaluate("""() => { window.starts = []; const given = AudioBufferSourceNode.prototype.start;
        AudioBufferSourceNode.prototype.start = function (when, from) { starts.push(from / this.buffer.duration);
            given.call(this, when, from); }; }""")
    box = page.locator("#generate-detail .strips").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 90)
    assert page.evaluate("starts") == [pytest.approx(0.75, abs=0.01)]
    page.evaluate("""box => { const strips = document.querySelector('#generate-detail .strips');
        const at = {clientX: box.x + 0.5 * box.width, clientY: box.y + 90, bubbles: true, pointerType: 'touch'};
        strips.dispatchEvent(new PointerEvent('pointerdown', at));
        window.scrolling = starts.length;  // a finger that lands may only want to scroll
        strips.dispatchEvent(new PointerEvent('click', at)); }""", box)
    assert page.evaluate("[scrolling, starts.length, starts[1]]") == [1, 2, pytest.approx(0.5, abs=0.01)]
    page.keyboard.press("Escape")
    page.keyboard.press("l")


