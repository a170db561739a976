import io
import urllib.error
import urllib.request

import numpy
import pytest
import soundfile

from studio.errors import StudioError
from studio.settings import MelSettings, PrepareSettings
from studio.ui import app

HOSTILE = "${alert(1)}<img src=x onerror=alert(1)>"


def wav(pitch_hz: float = 220) -> bytes:
    time = numpy.arange(13230) / 44100
    written = io.BytesIO()
    sound = numpy.sin(2 * numpy.pi * pitch_hz * time) * numpy.exp(-12 * time)
    soundfile.write(written, sound, 44100, "PCM_24", format="WAV")
    return written.getvalue()


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def write(page, elem_id, text):
    page.fill(f"#{elem_id} textarea, #{elem_id} input:not([type=range])", str(text))
    page.keyboard.press("Tab")


def wait_for_tone(page, elem_id, *tones):
    page.wait_for_function("([id, tones]) => tones.includes(document.querySelector(`#${id} .note`)?.dataset.tone)",
                           arg=[elem_id, list(tones)])


def no_markup(page):
    return page.locator('img[src="x"]').count() == 0


@pytest.fixture(scope="module")
def small_dataset(served):
    from studio.engine import preparation

    sounds = served.workspace.root / "sounds"
    sounds.mkdir(parents=True)
    for name, pitch_hz in (("kick 1", 60), ("snare 1", 200), ("hat 1", 9000)):
        (sounds / f"{name}.wav").write_bytes(wav(pitch_hz))
    folder = served.workspace.datasets / "small"
    preparation.prepare([sounds], folder, MelSettings(), PrepareSettings())
    return folder.name


# ------------------------------------------------------------------------------------------------ in the browser
def test_every_tab_opens_without_faults_and_asks_nobody_outside(page):
    for row in app.TABS:
        open_tab(page, row.label)
        page.wait_for_selector(f"#tab-{row.label.lower()} button, #tab-{row.label.lower()} input", state="visible")
    page.wait_for_function("document.querySelector('#header').innerText.includes('base embedded')")


def test_the_demo_kit_goes_through_the_dataset_tab(page, served):
    from studio.engine import dataset

    page.click("#dataset-demo")
    wait_for_tone(page, "dataset-note", "good")
    folder = served.workspace.datasets / "demo_kit"
    count = len(dataset.load(folder).one_shots)
    assert page.inner_text("#dataset-note").startswith(f"{count} sounds added")

    page.click("[data-testid=cell-0-1]")
    page.wait_for_selector("#dataset-picture img")
    page.wait_for_selector("#dataset-player a[download]")
    page.dblclick("[data-testid=cell-0-1]")
    page.keyboard.press("Control+A")
    page.keyboard.type("my own words")
    page.keyboard.press("Enter")
    page.click("#dataset-save")
    page.wait_for_function("document.querySelector('#dataset-note').innerText.startsWith('Saved')")
    assert [shot.text for shot in dataset.load(folder).one_shots].count("my own words") == 1
    assert len(dataset.load(folder).one_shots) == count


def test_file_names_never_become_markup(page, tmp_path):
    (tmp_path / f"{HOSTILE}.wav").write_bytes(wav())
    (tmp_path / f"broken {HOSTILE}.wav").write_bytes(b"no sound at all")
    page.fill("#dataset-name input", "hostile")
    page.keyboard.press("Enter")
    write(page, "dataset-folder", tmp_path)
    page.click("#dataset-prepare")
    wait_for_tone(page, "dataset-note", "good", "bad")
    said = page.inner_text("#dataset-note")
    assert said.startswith("1 sounds added") and f"left out: broken {HOSTILE}.wav" in said
    page.wait_for_selector("[data-testid=cell-0-1]")
    assert no_markup(page)


def test_dropped_files_are_prepared(page, served):
    page.fill("#dataset-name input", "dropped")
    page.keyboard.press("Enter")
    page.set_input_files("#dataset-files input[type=file]", [
        {"name": f"kick {pitch_hz}.wav", "mimeType": "audio/wav", "buffer": wav(pitch_hz)} for pitch_hz in (50, 60)])
    page.wait_for_function("document.querySelector('#dataset-files').innerText.includes('kick 60')")
    page.click("#dataset-prepare")
    wait_for_tone(page, "dataset-note", "good", "bad")
    assert page.inner_text("#dataset-note").startswith("2 sounds added")
    assert (served.workspace.datasets / "dropped" / "metadata.jsonl").is_file()


def test_preparing_nothing_says_what_to_do_in_a_toast(page):
    page.click("#dataset-prepare")
    page.wait_for_selector(".toast-body")
    assert "no sounds are chosen; drop files here" in page.inner_text(".toast-body")


def test_a_training_survives_a_reload_and_a_second_one_is_refused(open_page, served, small_dataset):
    page, other = open_page(), open_page()
    for each in (page, other):
        open_tab(each, "Train")
    write(page, "train-base", served.base)
    write(page, "train-steps", 6)
    write(page, "train-name", f"mine {HOSTILE}")
    page.click("#train-start")
    page.wait_for_selector("#train-stop:not([disabled])")

    page.reload()
    open_tab(page, "Train")
    page.wait_for_function("document.querySelector('#train-note')?.innerText.includes('mine_alert')")
    page.wait_for_selector("#train-steps input[disabled]")
    assert page.input_value("#train-steps input") == "6"  # what it was started with
    other.evaluate("document.querySelector('#train-start').disabled = false")  # a page that has not looked yet
    other.click("#train-start")
    other.wait_for_selector(".toast-body")
    assert "still training" in other.inner_text(".toast-body")

    for each in (page, other):
        each.bring_to_front()
        wait_for_tone(each, "train-note", "good", "bad")
        assert "trained, 6 steps" in each.inner_text("#train-note")
        assert each.get_attribute("#train-curve .loss_curve", "data-points") != "0"
    page.wait_for_selector("#train-start:not([disabled])")
    page.wait_for_selector("#train-steps input:not([disabled])")
    loras = [path.stem for path in served.workspace.loras.glob("mine*.safetensors")]
    open_tab(page, "Generate")
    page.click("#generate-lora-1 input")
    page.get_by_role("option", name=loras[0]).wait_for()
    assert no_markup(page)


def test_sounds_appear_one_by_one_and_key_1_plays_the_first(page, served):
    open_tab(page, "Generate")
    page.evaluate("""() => { window.counts = []; const pads = document.querySelector('.pads');
        new MutationObserver(() => counts.push(pads.children.length)).observe(pads, {childList: true}); }""")
    write(page, "generate-base", served.base)
    write(page, "generate-prompt", f"hat {HOSTILE}")
    for name, value in (("count", 3), ("steps", 2), ("seed", 5)):
        page.fill(f"#generate-{name} input[type=number]", str(value))
    page.get_by_role("button", name="More settings").click()
    page.fill("#generate-batch_size input[type=number]", "1")
    page.keyboard.press("Tab")
    page.click("#generate-start")
    wait_for_tone(page, "generate-note", "good")
    assert page.inner_text("#generate-note").startswith("3 new sounds")
    counts = page.evaluate("counts")
    assert counts == sorted(counts) and len(set(counts)) > 1

    page.wait_for_function("Number(document.querySelector('.pads').dataset.ready) >= 3")
    page.focus("#generate-prompt textarea, #generate-prompt input")
    page.keyboard.press("1")
    assert not page.get_attribute(".pads", "data-played")  # a key that is typed plays nothing
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    page.wait_for_selector(".pad.playing, .pads[data-played]")
    page.wait_for_selector("#generate-player a[download]")
    assert HOSTILE in page.inner_text("#generate-recipe")
    assert no_markup(page)

    page.reload()  # what was made is still there
    open_tab(page, "Generate")
    page.wait_for_function("document.querySelectorAll('.pad').length >= 3")
    dragged = page.evaluate("""() => { const carried = new DataTransfer();
        const drag = new DragEvent('dragstart', {dataTransfer: carried, bubbles: true});
        document.querySelector('.pad').dispatchEvent(drag);
        return carried.getData('DownloadURL'); }""")
    kind, name, url = dragged.split(":", 2)
    assert (kind, name.endswith(".wav")) == ("audio/wav", True)
    with urllib.request.urlopen(url) as answer:
        assert soundfile.info(io.BytesIO(answer.read())).subtype == "PCM_24"


def test_stop_ends_generating_and_keeps_what_is_made(page, served):
    open_tab(page, "Generate")
    write(page, "generate-base", served.base)
    page.fill("#generate-count input[type=number]", "1000")
    page.keyboard.press("Tab")
    page.click("#generate-start")
    page.wait_for_selector(".pad")
    page.click("#generate-stop")
    page.wait_for_function("document.querySelector('#generate-note').innerText.startsWith('Stopped.')")
    page.wait_for_selector("#generate-start:not([disabled])")


def test_a_base_that_is_not_there_is_named_in_a_toast(page):
    open_tab(page, "Generate")
    write(page, "generate-base", "no/such/folder")
    page.click("#generate-start")
    page.wait_for_selector(".toast-body")
    assert "base 'no/such/folder'" in page.inner_text(".toast-body")
    page.wait_for_selector("#generate-start:not([disabled])")


def test_no_tab_scrolls_sideways_on_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for row in app.TABS:
        if not page.get_by_role("tab", name=row.label, exact=True).count():
            page.get_by_role("button", name="More tabs").click()
            page.locator(".overflow-dropdown button", has_text=row.label).click()
        else:
            open_tab(page, row.label)
        page.wait_for_selector(f"#tab-{row.label.lower()}", state="visible")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), row.label


# -------------------------------------------------------------------------------------------- without a browser
def test_a_request_for_another_host_is_refused(served):
    asked = urllib.request.Request(served.url, headers={"Host": "attacker.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(asked)


def test_guests_get_the_generate_tab_without_paths_training_or_datasets(served):
    config = app.build(served.workspace, share=True).get_config_file()
    ids = {each["props"].get("elem_id") for each in config["components"]}
    assert "generate-prompt" in ids
    assert not [each for each in ids if each and each.startswith(("train-", "dataset-", "spectrogram-"))]
    assert "generate-base" not in ids


def test_a_named_port_that_is_taken_is_refused_by_number(served):
    port = int(served.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(StudioError, match=f"port {port} "):
        app.launch(served.workspace, port=port, browser=False)


def test_auth_without_a_password_is_refused(served):
    with pytest.raises(StudioError, match="USER:PASS"):
        app.launch(served.workspace, auth="me", browser=False)
