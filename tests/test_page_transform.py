"""The tab Transform in a browser: a painted mask, ways, tracks that are heard as they come."""

import io
import json
import urllib.request

import numpy
import pytest
import soundfile
from page_hands import HOSTILE, hear, keep_takes, no_markup, open_tab, wait_for_pads, wait_for_tone, write

from studio.settings import MorphSettings

RATE = 44100
UPLOAD = "#tab-transform input[type=file][accept*='.aiff']"


def tone(path, seconds=0.9, loud=0.5):
    time = numpy.arange(round(seconds * RATE)) / RATE
    noise = numpy.random.default_rng(1).standard_normal(len(time))
    soundfile.write(path, loud * (0.6 * numpy.sin(2 * numpy.pi * 300 * time) + 0.1 * noise), RATE, "PCM_24")
    return path


@pytest.fixture
def transform(same_page, served):
    """The tab on a page of all these tests, set to change a sound in few steps by the base with random weights."""
    return set_up(same_page, served)


@pytest.fixture
def new_transform(page, served):
    """The same on a page on which nothing has been done."""
    return set_up(page, served)


def set_up(page, served):
    open_tab(page, "Transform")
    page.wait_for_selector("#transform-start", state="visible")
    mode(page, "Change")
    write(page, "transform-base", served.base)
    for name, value in (("change-steps", 2), ("transform-seed", 7)):
        page.fill(f"#{name} input[type=number]", str(value))
    page.keyboard.press("Tab")
    return page


def mode(page, name):
    page.locator("#transform-mode label", has_text=name).click()


def load(page, path):
    """Give the tab a sound other than the one that it has."""
    token = "document.querySelector('#transform-brush .mask_brush').dataset.token"
    before = page.evaluate(token)
    page.set_input_files(UPLOAD, path)
    page.wait_for_function(f"before => ({token} || before) !== before", arg=before or "")
    page.wait_for_selector("#transform-brush .mask_brush .paint", state="visible")


def paint(page, kind, *places):
    """Draw from place to place, each (across, down) in 0…1 of the canvas."""
    serial = page.get_attribute("#transform-brush .mask_brush", "data-serial")
    page.click(f"#transform-brush .{kind}")
    box = page.locator("#transform-brush .paint").bounding_box()
    spots = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in places]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=4)
    page.mouse.up()
    page.wait_for_function("old => document.querySelector('#transform-brush .mask_brush').dataset.serial !== old",
                           arg=serial)


def make(page):
    page.click("#transform-start")
    wait_for_tone(page, "transform-note", "busy")
    wait_for_tone(page, "transform-note", "good")
    page.wait_for_selector("#transform-start:not([disabled])")


def newest(served):
    path = max(served.workspace.takes.glob("*.wav"), key=lambda path: path.stat().st_mtime_ns)
    return path, json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def live(page, name):
    return page.get_attribute("#transform-live .live_track", f"data-{name}")


# ----------------------------------------------------------------------------------------------------------- Change
def test_what_is_not_painted_stays_the_same_to_the_sample(transform, served, tmp_path):
    page, path = transform, tone(tmp_path / "my tone.wav")
    load(page, path)
    write(page, "change-prompt", f"snare {HOSTILE}")
    paint(page, "slice", (0.6, 0.5), (0.999, 0.5))
    make(page)
    take, recipe = newest(served)
    before, after = soundfile.read(path)[0], soundfile.read(take)[0]
    assert len(before) == len(after) and recipe["verb"] == "transform" and recipe["source"].startswith("my")
    border = round(0.55 * len(before))  # the brush is wider than its middle
    assert (before[:border] == after[:border]).all()
    assert abs(before[border:] - after[border:]).max() > 0.01
    assert take.with_suffix(".png").is_file() and no_markup(page)
    page.wait_for_selector(f"#transform-detail .detail[data-id='{take.name}']")  # at once in the closer look
    page.wait_for_function("document.querySelector('#transform-pads .pads').dataset.ready >= 1")


def test_a_soft_brush_paints_grey_edges_and_undo_erase_and_clear_take_paint_away(transform, served, tmp_path):
    page = transform
    load(page, tone(tmp_path / "tone.wav"))
    paint(page, "round", (0.2, 0.3), (0.4, 0.6))
    levels = page.evaluate("""() => { const canvas = document.querySelector('#transform-brush .paint');
        const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return [...new Set([...bytes].filter((_, i) => i % 4 === 3))]; }""")
    assert {0, 255} <= set(levels) and len(levels) > 4
    state = "document.querySelector('#transform-brush .mask_brush').dataset.painted"
    page.keyboard.press("Control+z")
    page.wait_for_function(f"{state} === 'none'")
    again = "new KeyboardEvent('keydown', {key: 'z', ctrlKey: true, bubbles: true, cancelable: true})"
    assert not page.evaluate(f"document.body.dispatchEvent({again})")  # once too often: kept from the trash of the pads
    paint(page, "band", (0.5, 0.2))
    page.wait_for_function(f"{state} === 'some'")
    page.click("#transform-brush .erase")
    paint_erased = page.locator("#transform-brush .paint").bounding_box()
    page.fill("#transform-brush input[type=range] >> nth=0", "160")
    page.mouse.move(paint_erased["x"] + 20, paint_erased["y"] + 0.2 * paint_erased["height"])
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function(f"{state} === 'none'")
    page.click("#transform-brush .invert")
    page.wait_for_function(f"{state} === 'some'")
    page.click("#transform-brush .trash")
    page.wait_for_function(f"{state} === 'none'")
    page.keyboard.press("Control+z")  # also after a button, which lets go of the focus
    page.wait_for_function(f"{state} === 'some'")


def test_a_key_of_no_pad_plays_nothing(open_page, served):
    keep_takes(served, 9)
    page = open_page()
    open_tab(page, "Transform")
    page.wait_for_function("document.querySelector('#transform-pads .pads').dataset.ready === '8'")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("2")
    second = page.get_attribute("#transform-pads .pads", "data-played")
    page.keyboard.press("q")  # of the second row, which there is none of
    assert page.get_attribute("#transform-pads .pads", "data-played") == second
    page.keyboard.press("2")
    assert page.get_attribute("#transform-pads .pads", "data-played") == second


def test_the_original_is_heard_with_a_moving_head_and_gives_way_to_a_pad(transform, served, tmp_path):
    page = transform
    load(page, tone(tmp_path / "tone.wav", seconds=4))
    page.click("#transform-brush .play")
    page.wait_for_selector("#transform-brush .mask_brush[data-state=playing]")
    page.wait_for_function("parseFloat(document.querySelector('#transform-brush .head').style.left) > 3")
    page.evaluate("document.oneShotSpeaker.play({id: 'a pad', url: 'data:audio/wav;base64,'})")
    page.wait_for_selector("#transform-brush .mask_brush[data-state=stopped]")


def test_silence_is_refused_in_one_sentence(transform, tmp_path):
    page = transform
    soundfile.write(tmp_path / "nothing.wav", numpy.zeros(4000), RATE)
    page.set_input_files(UPLOAD, tmp_path / "nothing.wav")
    page.wait_for_selector(".toast-body")
    assert "nothing.wav: is silent" in page.inner_text(".toast-body")


def test_without_a_sound_there_is_nothing_to_change_and_the_page_says_so(new_transform):
    page = new_transform
    page.click("#transform-start")
    wait_for_tone(page, "transform-note", "bad")
    assert "no sound to change yet" in page.inner_text("#transform-note")


@pytest.mark.parametrize("width", [1440, 390])  # a narrow page has the tab behind a menu
def test_a_take_goes_from_generates_closer_look_onto_the_canvas(open_page, served, width):
    names = keep_takes(served, 2)
    page = wait_for_pads(open_page(), names)
    page.set_viewport_size({"width": width, "height": 900})
    name = hear(page, 1)
    page.click("#generate-detail .transform")
    page.wait_for_selector("#transform-brush .mask_brush[data-token]:not([data-token=''])", state="visible")
    assert page.inner_text("#transform-brush .name") == name


def test_everything_is_seen_at_once_on_a_small_desktop_screen(transform, served, tmp_path):
    page = transform
    load(page, tone(tmp_path / "tone.wav"))
    make(page)
    page.wait_for_selector("#transform-detail .detail[data-id]")
    page.wait_for_function("""() => document.documentElement.scrollHeight <= 900
        && document.documentElement.scrollWidth <= 1440""")


# ----------------------------------------------------------------------------------------------------------- Travel
def test_a_way_gives_a_pad_for_every_step(transform, served):
    page = transform
    mode(page, "Travel")
    page.wait_for_function("document.querySelector('#transform-note').innerText.startsWith('Say where the way begins')")
    write(page, "way-start", "first kick")
    write(page, "way-end", "last hat")
    page.fill("#travel-count input", "3")
    page.keyboard.press("Tab")
    make(page)
    assert page.inner_text("#transform-note").startswith("3 new sounds")
    titles = page.locator("#transform-pads .pad .title").all_inner_texts()
    assert titles[:3] == ["first kick → last hat"] * 3


def test_four_corners_fill_a_field_of_pads(new_transform, served):
    page = new_transform
    mode(page, "Travel")
    assert page.input_value("#way-steps input[type=number]") == str(MorphSettings().steps)
    write(page, "way-start", "a")
    write(page, "way-end", "b")
    page.get_by_role("button", name="A field between four corners").click()
    write(page, "travel-below-left", "c")
    write(page, "travel-below-right", "d")
    page.fill("#travel-count input", "2")
    page.keyboard.press("Tab")
    make(page)
    assert page.locator("#transform-pads .pad").count() == 4
    tops = [page.locator("#transform-pads .pad").nth(i).bounding_box()["y"] for i in range(4)]
    assert tops[0] == tops[1] < tops[2] == tops[3]


# ------------------------------------------------------------------------------------------------------------ Track
def test_a_track_is_heard_while_it_is_made_and_kept_whole(transform, served):
    page = transform
    mode(page, "Track")
    write(page, "way-start", "shaker")
    write(page, "way-end", "")
    page.fill("#track-seconds input", "3")
    page.keyboard.press("Tab")
    page.evaluate("""() => { window.heard = []; const live = document.querySelector('#transform-live .live_track');
        new MutationObserver(() => heard.push(live.dataset.state)).observe(live, {attributes: true}); }""")
    make(page)
    page.wait_for_selector("#transform-live .live_track[data-over=true]", state="attached")
    page.wait_for_function("heard.includes('playing')")
    assert page.inner_text("#transform-note").startswith("1 new sound.")
    take, recipe = newest(served)
    assert soundfile.info(take).frames == 3 * RATE and recipe["verb"] == "track"
    assert page.inner_text("#transform-pads .pad .title") == "shaker"
    page.wait_for_selector("#transform-live .live_track[data-state=stopped]")  # it was heard to its end
    assert int(live(page, "pieces")) >= 3 and float(live(page, "at")) > 2.5


def test_a_stop_ends_a_track_and_what_is_there_is_kept(new_transform, served):
    page = new_transform
    mode(page, "Track")
    write(page, "way-start", "rain")
    page.fill("#track-seconds input", "3600")
    page.keyboard.press("Tab")
    page.click("#transform-start")
    page.wait_for_function("Number(document.querySelector('#transform-live .live_track')?.dataset.pieces) >= 2")
    page.evaluate("""() => { const live = document.querySelector('#transform-live .live_track');
        if (live.dataset.state !== 'playing') live.querySelector('.play').click(); }""")
    page.wait_for_selector("#transform-live .live_track[data-state=playing]")
    page.click("#transform-stop")
    page.wait_for_function("document.querySelector('#transform-note').innerText.startsWith('Stopped. 1 new sound')")
    page.wait_for_selector("#transform-live .live_track[data-state=stopped][data-over=true]")
    take, _ = newest(served)
    sound = soundfile.read(take)[0]
    assert RATE < len(sound) < 3000 * RATE and abs(sound[-1]) < 1e-3


# -------------------------------------------------------------------------------------------------- settings, scripts
def test_a_changed_sounds_settings_come_back(transform, served, tmp_path):
    page = transform
    load(page, tone(tmp_path / "tone.wav", loud=0.4))
    write(page, "change-prompt", "glass")
    make(page)
    take, _ = newest(served)
    page.wait_for_selector(f"#transform-detail .detail[data-id='{take.name}']")
    mode(page, "Track")
    page.fill("#transform-seed input", "99")
    page.keyboard.press("Tab")
    page.click("#transform-detail .reuse")
    page.wait_for_function("document.querySelector('#transform-seed input').value === '7'")
    page.wait_for_selector("#change-prompt", state="visible")
    assert page.input_value("#change-prompt textarea, #change-prompt input") == "glass"


def test_scripts_call_the_verbs_by_name(served, tmp_path):
    client = pytest.importorskip("gradio_client")
    caller = client.Client(served.url, verbose=False, download_files=str(tmp_path / "got"))
    path = tone(tmp_path / "tone.wav", seconds=0.4)
    (made,) = caller.predict(client.handle_file(str(path)), "snare", steps=2, seed=3, base=str(served.base),
                             api_name="/transform")
    file = made["file"]["path"] if isinstance(made["file"], dict) else made["file"]
    assert soundfile.info(file).frames == round(0.4 * RATE) and made["seed"] == 3
    with pytest.raises(Exception, match="no uploaded file"):
        caller.predict({"path": "/etc/hostname"}, "snare", api_name="/transform")
    way = caller.predict("kick", "clap", count=2, via="tom\n\nrim", steps=1, seed=3, base=str(served.base),
                         api_name="/morph")
    assert len(way) == 2 and "kick" in way[0]["prompt"] and "clap" in way[1]["prompt"]
    (loop,) = caller.predict("shaker", bpm=120, bars=1, loop=True, steps=1, seed=3, base=str(served.base),
                             api_name="/track")
    file = loop["file"]["path"] if isinstance(loop["file"], dict) else loop["file"]
    assert soundfile.info(file).frames == 2 * RATE
    names = caller.view_api(return_format="dict")["named_endpoints"].keys()
    assert set(names) == {"/generate", "/transform", "/morph", "/track"}


def test_plain_http_makes_a_sound(served):
    body = json.dumps({"data": ["kick", "", 1, 5, 2, 3.0, str(served.base), ""]}).encode()
    asked = urllib.request.Request(f"{served.url}gradio_api/call/generate", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{served.url}gradio_api/call/generate/{event}") as answer:
        said = answer.read().decode()
    data = json.loads(said[said.index("event: complete") :].split("data:", 1)[1].strip().splitlines()[0])
    (take,) = data[0]
    with urllib.request.urlopen(take["file"]["url"]) as answer:
        assert soundfile.info(io.BytesIO(answer.read())).subtype == "PCM_24"
