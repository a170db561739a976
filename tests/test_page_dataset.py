"""The tab Dataset in a real browser: sounds come in, are trimmed, and cut out of recordings."""

import io

import numpy
import pytest
import soundfile
from dataset_hands import RATE, drop, hit, name_dataset, prepared, row, saved, shots, tidy, written
from page_hands import HOSTILE, no_markup, open_tab, wait_for_tone, wav, write


@pytest.fixture
def page(same_page):
    """The page of all these tests, on its tab Dataset, where each works in a dataset of its own."""
    return tidy(same_page)


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
    prepared(page, "dropped", {"broken.wav": b"RIFF", **{f"kick {hz}.wav": wav(hz) for hz in (50, 60)}})
    assert page.inner_text("#dataset-note").startswith("2 sounds added")
    folder = served.workspace.datasets / "dropped"
    originals = sorted((folder / "originals").glob("*/*"), key=lambda path: path.name)
    assert [path.name for path in originals] == ["kick 50.wav", "kick 60.wav"]  # what cannot be used is not kept
    assert {shot.source for shot in shots(served, "dropped").values()} == set(map(str, originals))
    assert [path.read_bytes() for path in originals] == [wav(50), wav(60)]
    page.click("#dataset-prepare")
    page.wait_for_function("document.querySelector('#dataset-note').innerText.includes('2 were there already')")


def test_what_was_prepared_is_what_train_learns_from(page):
    for name in ("zz_after", "aa_before"):  # of which the alphabet's first is no better
        prepared(page, name, {"tom.wav": wav(100)})
        open_tab(page, "Train")
        page.wait_for_function(f"document.querySelector('#train-dataset input').value === '{name}'")
        open_tab(page, "Dataset")
    name_dataset(page, "zz_after")  # what was said was said of another
    page.wait_for_function("!document.querySelector('#dataset-note').textContent.includes('added')")


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


def test_the_dataset_that_is_named_last_is_shown_whatever_is_answered_last(page):
    def asks(request, begin):
        return (request.post_data or "").startswith(f'{{"data":[{begin}')

    def tick():  # what was asked before is answered by then
        with page.expect_response(lambda answer: asks(answer.request, "null,null")):
            pass

    held = []
    name_dataset(page, "named_first")
    page.route("**/gradio_api/**", lambda route: held.append((route, route.fetch()))
               if asks(route.request, '"named_first"') else route.continue_())
    open_tab(page, "Spectrogram")
    with page.expect_request(lambda request: asks(request, '"named_first"')):
        open_tab(page, "Dataset")
    page.fill("#dataset-name input", "named_last")
    page.keyboard.press("Enter")
    tick()
    for route, answer in held:
        route.fulfill(response=answer)
    page.unroute("**/gradio_api/**")
    tick()
    assert page.get_attribute(".sound_table", "data-dataset") == "named_last"


# -------------------------------------------------------------------------------------------------- trimming, slicing
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
