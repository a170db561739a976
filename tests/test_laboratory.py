"""The Spectrogram tab in a real browser: live picture, A/B, figures, presets, many pictures at once."""

import base64
import io
import secrets
import zipfile
from pathlib import Path

import numpy
import pytest
import soundfile
import torch
from page_hands import open_tab
from PIL import Image

from studio import presets
from studio.engine import picture
from studio.settings import MelSettings
from studio.ui.components.mel_controls import MelControls
from studio.ui.laboratory import Laboratory, image_uri
from studio.ui.studio import Studio

SMALL = MelSettings(iterations=3)
CONTROL = ".mel_controls input[type={}][data-field={}]"
SRC = "document.querySelector('.picture').src"


def wav(channels: int = 1, sample_rate: int = 44100) -> dict:
    time = numpy.arange(int(0.3 * sample_rate)) / sample_rate
    sound = numpy.sin(2 * numpy.pi * 220 * time) * numpy.exp(-12 * time)
    sides = numpy.stack([sound * (1 - 0.5 * side) for side in range(channels)], axis=1)
    written = io.BytesIO()
    soundfile.write(written, sides, sample_rate, "PCM_24", format="WAV")
    return {"name": "blip.wav", "mimeType": "audio/wav", "buffer": written.getvalue()}


def number(field: str) -> str:
    return CONTROL.format("number", field)


def png(path: Path, samples: int, mel: MelSettings = SMALL) -> Path:
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    return picture.save(path, picture.of_sound(noise * torch.linspace(1, 0, samples), mel))


@pytest.fixture
def lab(page):
    """A new page on its Spectrogram tab."""
    open_tab(page, "Spectrogram")
    page.wait_for_selector(".mel_controls")
    return page


@pytest.fixture
def blip(same_page):
    """The tab on a page of all these tests, with a sound newly opened, its decoder of a few rounds."""
    page, name = same_page, f"blip {secrets.token_hex(3)}"
    open_tab(page, "Spectrogram")
    page.wait_for_selector(".mel_controls")
    for field in ("hop_length", "f_max", "range_db", "iterations"):
        page.fill(number(field), str(getattr(SMALL, field)))
    page.set_input_files("#spectrogram-file input[type=file]", wav() | {"name": f"{name}.wav"})
    page.wait_for_function("name => document.querySelector('.facts').textContent.startsWith(name)", arg=name)
    settle(page)
    return page


@pytest.fixture
def trip(blip):
    """The tab with a finished round trip."""
    blip.click(".hear")
    blip.wait_for_selector(".ab_player.ready[data-ready='2']")
    return blip


def settle(page):
    """Wait until the picture shows what the controls say."""
    page.wait_for_function("document.querySelector('.spectrogram_lab').dataset.settled "
                           "=== document.querySelector('.mel_controls').dataset.serial")


# -------------------------------------------------------------------------------------------------- the live picture
def test_the_picture_follows_a_slider(blip):
    before = blip.get_attribute(".picture", "src")
    blip.focus(CONTROL.format("range", "f_max"))
    blip.keyboard.press("PageDown")
    blip.wait_for_function(f"before => {SRC} !== before", arg=before)
    assert blip.input_value(number("f_max")) != "20000"


def test_requests_never_pile_up_and_the_last_one_wins(blip):
    asked = []
    blip.on("request", lambda request: "component_server" in request.url and asked.append(request))
    blip.evaluate("""() => { const bar = document.querySelector(".mel_controls input[type=range][data-field=range_db]");
        for (let i = 0; i < 200; i++) { bar.value = 100 + 4 * i; bar.dispatchEvent(new Event('input')); } }""")
    wanted = blip.input_value(number("range_db"))
    settle(blip)
    assert 1 <= len(asked) <= 3
    assert f'"range_db":{wanted},' in asked[-1].post_data


def test_impossible_settings_give_their_reason(blip):
    blip.fill(number("f_max"), "30000")
    blip.wait_for_function("document.querySelector('.fault').textContent.includes('f_max is 30000')")
    assert blip.is_disabled(".hear")
    blip.fill(number("f_max"), "18000")
    blip.wait_for_function("!document.querySelector('.hear').disabled")


def test_another_sound_is_looked_at_as_the_controls_stand(blip):
    blip.fill(number("f_max"), "15000")
    settle(blip)
    before = blip.get_attribute(".picture", "src")
    blip.set_input_files("#spectrogram-file input[type=file]", wav() | {"name": "other.wav"})
    blip.wait_for_function("document.querySelector('.facts').textContent.startsWith('other: 128×128')")
    assert blip.input_value(number("f_max")) == "15000"
    assert blip.get_attribute(".picture", "src") == before  # the same sound under the same settings


def test_the_length_sets_the_hop(blip):
    hop = blip.input_value(number("hop_length"))
    blip.fill(number("duration"), "0.4")
    blip.wait_for_function("([at, hop]) => document.querySelector(at).value !== hop", arg=[number("hop_length"), hop])
    wanted = SMALL.for_duration(0.4)
    assert blip.input_value(number("hop_length")) == str(wanted.hop_length)


def test_every_control_has_a_heading_and_a_visible_sentence(lab):
    fields = list(MelSettings.__dataclass_fields__)
    assert all(lab.locator(f".mel_controls [data-field={name}]").count() for name in fields)
    lab.evaluate("document.querySelectorAll('.mel_controls details').forEach(each => { each.open = true; })")
    shown = lab.locator(".mel_controls .group .help").all_inner_texts()
    assert len(shown) == len(fields) + 1 and all(text.endswith(".") for text in shown)


def test_the_tab_does_not_scroll_sideways_on_a_telephone(trip):
    trip.set_viewport_size({"width": 390, "height": 844})
    assert trip.evaluate("document.documentElement.scrollWidth <= innerWidth")
    trip.set_viewport_size({"width": 1440, "height": 900})


# ---------------------------------------------------------------------------------------------------- the round trip
def test_switching_while_it_plays_keeps_the_position(trip):
    trip.evaluate("document.activeElement.blur()")
    trip.click(".ab_player .loop")
    trip.keyboard.press("Space")
    trip.wait_for_selector(".ab_player[data-state=playing][data-side=original]")
    at = "Number(document.querySelector('.clock').textContent.split(' ')[0])"
    before = trip.evaluate(at)
    switched = trip.evaluate(f"""() => {{ const press = key => document.body.dispatchEvent(
        new KeyboardEvent('keydown', {{key, bubbles: true}})); press('x'); return {at}; }}""")
    assert switched >= before
    trip.wait_for_selector(".ab_player[data-state=playing][data-side=decoded]")
    trip.keyboard.press("a")
    trip.wait_for_selector(".ab_player[data-state=playing][data-side=original]")
    trip.keyboard.press("Space")
    trip.wait_for_selector(".ab_player[data-state=stopped]")


def test_a_loop_ends_with_escape_on_any_tab_and_where_another_sound_begins(trip):
    trip.evaluate("document.activeElement.blur()")
    if not trip.locator(".ab_player .loop.on").count():
        trip.click(".ab_player .loop")
    for ends in ("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))",
                 "document.oneShotSpeaker.play({id: 'other', url: 'data:audio/wav;base64,'})"):
        trip.keyboard.press("Space")
        trip.wait_for_selector(".ab_player[data-state=playing]")
        open_tab(trip, "Train")
        assert trip.get_attribute(".ab_player", "data-state") == "playing"
        trip.evaluate(ends)
        trip.wait_for_selector(".ab_player[data-state=stopped]", state="attached")
        open_tab(trip, "Spectrogram")
        trip.evaluate("document.activeElement.blur()")


def test_a_key_that_is_typed_plays_nothing(trip):
    trip.click("text=Save as preset")
    trip.fill(".mel_controls input[data-preset=name]", "")
    trip.focus(".mel_controls input[data-preset=name]")
    trip.keyboard.type("b x")
    assert trip.get_attribute(".ab_player", "data-state") == "stopped"
    assert trip.get_attribute(".ab_player", "data-side") == "original"
    assert trip.input_value(".mel_controls input[data-preset=name]") == "b x"


def test_the_figures_and_the_attack_appear_beside_it(trip):
    trip.wait_for_selector(".figure")
    assert trip.locator(".figure .name").all_inner_texts() == ["Spectrum", "Bands", "Attack", "Envelope", "Level"]
    assert trip.evaluate("""() => { const drawn = document.querySelector('.likeness_card canvas');
        return drawn.getContext('2d').getImageData(0, 0, drawn.width, drawn.height).data.some(each => each > 0); }""")


def test_both_sides_of_a_stereo_sound_are_seen_and_heard(lab):
    lab.set_input_files("#spectrogram-file input[type=file]", wav(channels=2))
    lab.wait_for_function(f"{SRC}.startsWith('data:image/png')")
    lab.fill(number("iterations"), "3")
    lab.check(".mel_controls input[type=checkbox][data-field=stereo]")
    settle(lab)
    with Image.open(io.BytesIO(base64.b64decode(lab.get_attribute(".picture", "src").split(",")[1]))) as seen:
        red, _, blue = numpy.array(seen.convert("RGB")).astype(int).transpose(2, 0, 1)
    assert (red >= blue).all() and (red > blue).any()  # the left side is the louder one
    lab.click(".hear")
    lab.wait_for_selector(".ab_player.ready[data-ready='2']")
    assert lab.locator(".figure").count() == 5


def test_a_round_trip_is_out_of_date_once_the_settings_change(trip):
    assert not trip.locator(".ab_player.stale").count()
    trip.fill(number("range_db"), "70")
    trip.wait_for_selector(".ab_player.stale")
    trip.wait_for_selector(".likeness_card.stale")
    trip.fill(number("range_db"), "90")
    trip.wait_for_selector(".ab_player:not(.stale)")


def test_a_round_trip_can_be_stopped(blip):
    blip.fill(number("iterations"), "2000")
    settle(blip)
    blip.click(".hear")
    blip.wait_for_selector(".ab_player.busy")
    blip.click(".hear")
    blip.wait_for_selector(".ab_player:not(.busy):not(.ready)", state="attached")


# -------------------------------------------------------------------------------------------------------- presets
def test_a_saved_preset_is_in_every_list_at_once(lab, served):
    lab.fill(number("f_max"), "15000")
    lab.click("text=Save as preset")
    lab.fill(".mel_controls input[data-preset=name]", "dull kick")
    lab.fill(".mel_controls input[data-preset=about]", "Nothing above 15 kHz.")
    lab.click(".mel_controls .save")
    lab.wait_for_function("document.querySelector('#spectrogram-note').innerText.includes('dull_kick is saved')")
    assert presets.load("mel", "dull_kick", served.workspace) == MelSettings(f_max=15000)
    lab.click("#spectrogram-preset input")
    lab.get_by_role("option", name="dull_kick").wait_for()
    lab.keyboard.press("Escape")
    lab.get_by_role("tab", name="Dataset", exact=True).click()
    lab.fill("#dataset-name input", "a new one")  # one that is there keeps to its own picture and shows no list
    lab.keyboard.press("Enter")
    lab.click("#dataset-preset input")
    lab.get_by_role("option", name="dull_kick · Nothing above 15 kHz.").wait_for()


def test_a_built_in_preset_is_not_written_over(lab, served):
    lab.click("text=Save as preset")
    lab.fill(".mel_controls input[data-preset=name]", "one-shot-128")
    lab.click(".mel_controls .save")
    lab.wait_for_selector(".toast-body")
    assert "belongs to a built-in preset" in lab.inner_text(".toast-body")
    assert not (served.workspace.presets / "mel" / "one-shot-128.json").exists()


# -------------------------------------------------------------------------------------------------- dropped pictures
def test_a_picture_is_decoded_with_its_own_settings(lab, tmp_path):
    png(tmp_path / "ours.png", 8000, MelSettings(iterations=3, f_max=15000))
    lab.set_input_files("#spectrogram-file input[type=file]", tmp_path / "ours.png")
    lab.wait_for_selector(".ab_player.ready[data-ready='1'][data-side=decoded]")
    assert lab.input_value(number("f_max")) == "15000"


def test_a_picture_that_is_no_spectrogram_is_refused(lab, tmp_path):
    picture.coloured(torch.zeros(64, 64)).save(tmp_path / "theirs.png")
    lab.set_input_files("#spectrogram-file input[type=file]", tmp_path / "theirs.png")
    lab.wait_for_selector(".toast-body")
    assert "theirs.png" in lab.inner_text(".toast-body")


def test_many_pictures_become_a_zip_and_the_refused_are_named(lab, tmp_path):
    paths = [png(tmp_path / f"kick {number}.png", 4000 * number) for number in (1, 2, 3)]
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    lab.set_input_files("#spectrogram-file input[type=file]", [*paths, tmp_path / "broken.png"])
    lab.wait_for_selector("#spectrogram-archive")
    said = lab.inner_text("#spectrogram-note")
    assert "3 of 4 pictures decoded" in said
    assert "left out: broken.png: is no picture" in said
    with lab.expect_download() as download:
        lab.click("#spectrogram-archive")
    with zipfile.ZipFile(download.value.path()) as archive:
        lengths = {name: soundfile.info(io.BytesIO(archive.read(name))).frames for name in archive.namelist()}
    assert lengths == {"kick_1.wav": 4000, "kick_2.wav": 8000, "kick_3.wav": 12000}


def test_stop_keeps_the_pictures_that_are_done(lab, tmp_path):
    slow = MelSettings(iterations=2000)
    paths = [png(tmp_path / "a quick.png", 4000), *(png(tmp_path / f"slow {i}.png", 4000, slow) for i in range(3))]
    lab.set_input_files("#spectrogram-file input[type=file]", paths)
    lab.wait_for_function("document.querySelector('#spectrogram-note .count')?.textContent.startsWith('1 of 4')")
    lab.click("#spectrogram-stop")
    lab.wait_for_function("document.querySelector('#spectrogram-note').innerText.includes('Stopped. 1 of 4')")
    lab.wait_for_selector("#spectrogram-archive")


# -------------------------------------------------------------------------------------------------- without a browser
def test_the_live_picture_is_the_stored_one_in_colours():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    shown = Image.open(io.BytesIO(base64.b64decode(image_uri(pixels).partition(",")[2]))).convert("RGB")
    assert numpy.array_equal(numpy.array(shown), numpy.array(picture.coloured(pixels)))


def test_a_preview_of_a_sound_that_is_gone_says_so(served):
    laboratory = Laboratory(Studio(served.workspace, page=None, timer=None))
    assert "no longer held" in laboratory.preview({"sound": "gone", "mel": {}})["error"]
    assert "unknown key" in laboratory.preview({"sound": "gone", "mel": {"n_fftt": 3}})["error"]


def test_controls_are_drawn_from_what_the_settings_say_of_themselves():
    made = MelControls(value={}, fields=[{"name": "shine"}])
    assert made.props["fields"] == [{"name": "shine"}]
