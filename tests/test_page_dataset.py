import io

import numpy
import pytest
import soundfile
from page_hands import HOSTILE, no_markup, open_tab, wait_for_tone, wav, write

RATE = 44100


def hit(pitch_hz=220.0, before=0.0, behind=0.0):
    """A WAV of one hit with seconds of silence around it."""
    sound, rate = soundfile.read(io.BytesIO(wav(pitch_hz)), dtype="float32")
    around = [numpy.zeros(round(length * rate), numpy.float32) for length in (before, behind)]
    return written(numpy.concatenate([around[0], sound, around[1]]))


def written(waveform):
    file = io.BytesIO()
    soundfile.write(file, waveform, RATE, "PCM_24", format="WAV")
    return file.getvalue()


def name_dataset(page, name):
    page.fill("#dataset-name input", name)
    page.keyboard.press("Enter")
    page.wait_for_function("name => document.querySelector('.sound_table').dataset.dataset === name", arg=name)


def drop(page, files, into="dataset-files"):
    """Files by name and bytes into an upload, and wait until the last one has arrived."""
    page.set_input_files(f"#{into} input[type=file]", [
        {"name": name, "mimeType": "audio/wav", "buffer": data} for name, data in files.items()])
    page.wait_for_function("([id, name]) => document.getElementById(id).innerText.includes(name)",
                           arg=[into, next(reversed(files)).removesuffix(".wav")])


def prepared(page, name, files):
    """A dataset of dropped files, shown in the table."""
    name_dataset(page, name)
    drop(page, files)
    page.click("#dataset-prepare")
    wait_for_tone(page, "dataset-note", "good", "bad")
    page.wait_for_selector(".sound")


def row(stem):
    """The selector of a sound's row, by the name of its files."""
    return f".sound[data-id='images/{stem}.png']"


def saved(page, act):
    """Do something that is saved, and wait until it is."""
    before = int(page.get_attribute(".sound_table", "data-saved") or 0)
    act()
    page.wait_for_function("was => Number(document.querySelector('.sound_table').dataset.saved) > was", arg=before)


def shots(served, name):
    from studio.engine import dataset

    return {shot.source.rpartition("/")[2].removesuffix(".wav"): shot
            for shot in dataset.look(served.workspace.datasets / name).one_shots}


# ------------------------------------------------------------------------------------------------------- sounds in
def test_the_demo_kit_goes_through_the_dataset_tab(page, served):
    page.click("#dataset-demo")
    wait_for_tone(page, "dataset-note", "good")
    count = len(shots(served, "demo_kit"))
    assert page.inner_text("#dataset-note").startswith(f"{count} sounds added")
    page.wait_for_function("count => Number(document.querySelector('.sound_table').dataset.rows) === count", arg=count)
    assert f"{count} sounds" in page.inner_text(".sound_table .sum")

    page.click(".sound .thumb")
    page.wait_for_selector(".sound_card .seen[src]")
    page.wait_for_function("document.querySelector('.sound_card').dataset.played?.endsWith(' sound')")
    assert page.locator(".sound .thumb img[src^='data:image/png']").count() >= 8
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_dropped_files_are_prepared(page, served):
    prepared(page, "dropped", {f"kick {hz}.wav": wav(hz) for hz in (50, 60)})
    assert page.inner_text("#dataset-note").startswith("2 sounds added")
    assert (served.workspace.datasets / "dropped" / "metadata.jsonl").is_file()


def test_preparing_nothing_says_what_to_do_in_a_toast(page):
    page.click("#dataset-prepare")
    page.wait_for_selector(".toast-body")
    assert "no sounds are chosen; drop files here" in page.inner_text(".toast-body")
    wait_for_tone(page, "dataset-note", "bad")
    page.wait_for_selector("#dataset-prepare:not([disabled])")


def test_file_names_never_become_markup(page, tmp_path):
    (tmp_path / f"{HOSTILE}.wav").write_bytes(wav())
    (tmp_path / f"broken {HOSTILE}.wav").write_bytes(b"no sound at all")
    name_dataset(page, "hostile")
    write(page, "dataset-folder", tmp_path)
    page.click("#dataset-prepare")
    wait_for_tone(page, "dataset-note", "good", "bad")
    said = page.inner_text("#dataset-note")
    assert said.startswith("1 sounds added") and f"left out: broken {HOSTILE}.wav" in said
    page.fill(".sound .text", HOSTILE)
    saved(page, lambda: page.keyboard.press("Enter"))
    page.click(".sound .thumb")
    page.wait_for_function("document.querySelector('.sound_card .legend').innerText !== ''")
    assert page.inner_text(".sound_card .title") == HOSTILE
    assert f"{HOSTILE}.wav" in page.inner_text(".sound_card .about")
    assert no_markup(page)


def test_a_name_typed_while_the_page_is_loading_stays(browser, served, page):
    prepared(page, "aaa_first", {"kick.wav": wav()})
    slow, held, letting = browser.new_page(), [], []
    slow.route("**/gradio_api/**", lambda route: route.continue_() if letting or "/run/" not in route.request.url
               else held.append(route))
    slow.goto(f"{served.url}?__theme=dark")
    slow.fill("#dataset-name input", "my own")
    slow.keyboard.press("Enter")
    assert held  # what the page asks as it opens is on its way all the while
    letting.append(True)
    for route in held:
        route.continue_()
    slow.wait_for_function("document.querySelector('.sound_table').dataset.dataset === 'my_own'")
    slow.wait_for_function("document.querySelector('#header').innerText.includes('base')")
    assert slow.input_value("#dataset-name input") == "my own"
    assert slow.get_attribute(".sound_table", "data-rows") == "0"
    slow.close()


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


# --------------------------------------------------------------------------------------- duplicates, trimming, slicing
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


def test_what_trimming_cut_is_told_seen_and_heard(page):
    prepared(page, "trimmed", {"late.wav": hit(before=0.4, behind=1.0)})
    page.click(".sound .thumb")
    page.wait_for_function("document.querySelector('.sound_card .legend').innerText.startsWith('Cut: ')")
    said = page.inner_text(".sound_card .legend")
    assert "400 ms before" in said or "399 ms before" in said
    assert "995 ms behind" in said  # all but the few in which the sound fades out
    drawn = page.evaluate("""() => { const canvas = document.querySelector('.sound_card .strip canvas');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.some((each, i) => i % 4 === 3 && each > 0); }""")
    assert drawn
    for number, part in enumerate(("sound", "original", "cut_off"), start=1):
        page.click(f".sound_card .plays button:nth-child({number})")
        page.wait_for_selector(f".sound_card[data-played$=' {part}']")


def test_a_recording_is_sliced_into_one_shots(page, served):
    name_dataset(page, "sliced")
    hits = [soundfile.read(io.BytesIO(wav(hz)), dtype="float32")[0] for hz in (60, 900, 4000, 300)]
    hits = [each * numpy.linspace(1, 0, len(each), dtype=numpy.float32) for each in hits]
    silence = numpy.zeros(RATE // 4, numpy.float32)
    page.click("#dataset-slice button")
    page.wait_for_selector("#dataset-recording input[type=file]", state="attached")
    jam = numpy.concatenate([silence, *(part for each in hits for part in (each, silence))])
    drop(page, {"jam 7.wav": written(jam)}, into="dataset-recording")
    page.wait_for_selector(".slicer[data-pieces='4']")
    box = page.locator(".slicer .strip").bounding_box()
    page.mouse.click(box["x"] + 0.30 * box["width"], box["y"] + 60)
    page.wait_for_selector(".slicer[data-played]")
    page.mouse.click(box["x"] + 0.15 * box["width"], box["y"] + 8)
    page.wait_for_selector(".slicer[data-chosen='3']")
    page.click(".slicer .cut")
    wait_for_tone(page, "dataset-note", "good", "bad")
    assert page.inner_text("#dataset-note").startswith("3 sounds added")
    assert sorted(shots(served, "sliced")) == ["jam_7_01", "jam_7_02", "jam_7_03"]
    assert len(list((served.workspace.datasets / "sliced" / "slices").glob("*.wav"))) == 3
    page.click(".slicer .close")
    page.wait_for_selector(".slicer", state="hidden")


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


@pytest.mark.slow
def test_five_hundred_files_at_once_go_in_with_the_time_left(page, served):
    files = {f"hit {number:03}.wav": wav(60 + 9 * number) for number in range(500)}
    name_dataset(page, "many")
    drop(page, files)
    page.click("#dataset-prepare")
    page.wait_for_function("/ of 500 · about .* left/.test(document.querySelector('#dataset-note').innerText)")
    wait_for_tone(page, "dataset-note", "good", "bad")
    assert page.inner_text("#dataset-note").startswith("500 sounds added")
    page.wait_for_function("document.querySelector('.sound_table').dataset.rows === '500'")
    assert page.locator(".sound").count() < 60  # only those in sight are drawn
    page.evaluate("document.querySelector('.sound_table .body').scrollTop = 1e6")
    page.wait_for_selector(f"{row('hit_499')} .thumb img[src]")
