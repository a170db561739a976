import io
import urllib.request

import soundfile
from page_hands import HOSTILE, dragged, drop_file, hear, no_markup, open_tab, pad, wait_for_tone, write


def make_quickly(page, served, **wanted):
    """Fill the form so that the base with random weights makes its sounds in a moment."""
    write(page, "generate-base", served.base)
    for name, value in wanted.items():
        page.fill(f"#generate-{name} input[type=number]", str(value))
    page.keyboard.press("Tab")


def test_what_is_asked_for_is_still_there_after_a_reload(page, served):
    open_tab(page, "Generate")
    write(page, "generate-prompt", "a dusty snare")
    make_quickly(page, served, count=3)
    page.wait_for_function("['a dusty snare', 3].every(said => "
                           "JSON.parse(sessionStorage['studio-generate'] ?? '[]').includes(said))")
    page.reload()
    open_tab(page, "Generate")
    page.wait_for_function("document.querySelector('#generate-prompt textarea').value === 'a dusty snare'")
    assert page.input_value("#generate-count input[type=number]") == "3"
    assert page.input_value("#generate-base textarea") == str(served.base)
    assert page.input_value("#generate-seed input") == "-1"


def test_a_page_that_kept_nothing_leaves_the_form_alone_however_late_it_has_loaded(page):
    given = page.evaluate("""() => window.gradio_config.dependencies
        .filter(each => each.js?.includes("'studio-generate'") && each.targets.some(([, event]) => event === 'load'))
        .map(each => (0, eval)(each.js)())""")
    assert given == [None]


# ---------------------------------------------------------------------------------------------------- making sounds
def test_sounds_appear_one_by_one_on_empty_slots_and_key_1_plays_the_first(page, served):
    open_tab(page, "Generate")
    page.evaluate("""() => { window.seen = []; const grid = document.querySelector('#generate-pads .grid');
        const slots = () => [...grid.children].map(cell => cell.classList.contains('slot'));
        new MutationObserver(() => seen.push([slots().filter(slot => slot).length, slots().indexOf(true)])).observe(
            grid, {childList: true}); }""")
    write(page, "generate-prompt", f"hat {HOSTILE}")
    make_quickly(page, served, count=3, steps=2, seed=5)
    page.get_by_role("button", name="More settings").click()
    page.fill("#generate-batch_size input[type=number]", "1")
    page.keyboard.press("Tab")
    page.click("#generate-start")
    wait_for_tone(page, "generate-note", "good")
    assert page.inner_text("#generate-note").startswith("3 new sounds")
    seen = page.evaluate("seen")
    assert [3, 0] in seen and [1, 2] in seen  # the first sounds stand before the slots of those to come

    page.wait_for_function("Number(document.querySelector('#generate-pads .pads').dataset.ready) >= 3")
    page.focus("#generate-prompt textarea, #generate-prompt input")
    page.keyboard.press("1")
    assert not page.get_attribute("#generate-pads .pads", "data-played")  # a key that is typed plays nothing
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    page.wait_for_selector("#generate-pads .pads[data-played^='hat_']")
    page.wait_for_selector("#generate-detail .detail[data-id^='hat_']")
    assert page.input_value("#generate-detail .name") == f"hat {HOSTILE}"
    assert no_markup(page)

    page.reload()  # what was made is still there
    open_tab(page, "Generate")
    page.wait_for_function("document.querySelectorAll('#generate-pads .pad').length >= 3")
    kind, name, url = dragged(page, "#generate-pads .pad")["DownloadURL"].split(":", 2)
    assert (kind, name.startswith("hat_"), name.endswith(".wav")) == ("audio/wav", True, True)
    with urllib.request.urlopen(url) as answer:
        assert soundfile.info(io.BytesIO(answer.read())).subtype == "PCM_24"


def test_stop_ends_generating_and_keeps_what_is_made(page, served):
    open_tab(page, "Generate")
    make_quickly(page, served, count=1000, seed=900)
    page.click("#generate-start")
    page.wait_for_selector("#generate-pads .slot ~ .slot")
    page.wait_for_function("document.querySelector('#generate-pads .pads')?.innerText && "
                           "!document.querySelector('#generate-pads .grid').firstElementChild.matches('.slot')")
    page.click("#generate-stop")
    page.wait_for_function("document.querySelector('#generate-note').innerText.startsWith('Stopped.')")
    page.wait_for_selector("#generate-start:not([disabled])")
    assert page.locator("#generate-pads .slot").count() == 0
    assert page.locator("#generate-pads .pad").count() > 0


def test_a_page_that_is_loaded_anew_keeps_what_was_made_and_makes_more(page, served):
    open_tab(page, "Generate")
    make_quickly(page, served, count=1000, seed=300)
    page.click("#generate-start")
    page.wait_for_selector(f"{pad(1)}.pad[data-id*='_300']")
    page.reload()
    open_tab(page, "Generate")
    page.wait_for_selector("#generate-pads .pad[data-id*='_300']")
    make_quickly(page, served, count=1, seed=301)
    page.click("#generate-start")
    page.wait_for_function("document.querySelector('#generate-note').innerText.startsWith('1 new sound.')")


def test_a_base_that_is_not_there_is_named_in_a_toast_and_leaves_no_slots(page):
    open_tab(page, "Generate")
    write(page, "generate-base", "no/such/folder")
    page.click("#generate-start")
    page.wait_for_selector(".toast-body")
    assert "base 'no/such/folder'" in page.inner_text(".toast-body")
    page.wait_for_selector("#generate-start:not([disabled])")
    assert page.locator("#generate-pads .slot").count() == 0
    assert "base 'no/such/folder'" in page.inner_text("#generate-note")  # when the toast is gone


# --------------------------------------------------------------------------------------------- settings from a sound
def test_a_takes_settings_come_back_into_the_form(still):
    page = still
    hear(page, 1)
    page.click("#generate-detail .reuse")
    page.wait_for_function("document.querySelector('#generate-note').innerText.includes('“take 19” are back')")
    assert page.input_value("#generate-prompt textarea, #generate-prompt input") == "take 19"
    assert page.input_value("#generate-seed input") == "1019"
    assert page.input_value("#generate-steps input[type=number]") == "2"
    assert page.input_value("#generate-count input") == "8"  # how many is the page's own


def test_more_like_this_makes_others_with_the_same_settings_and_fresh_seeds(pads):
    page = pads
    hear(page, 1)
    make_count = "#generate-count input[type=number]"
    page.fill(make_count, "2")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.click("#generate-detail .more")
    page.wait_for_function("document.querySelector('#generate-note').innerText.startsWith('2 new sounds')")
    three = [(page.inner_text(f"{pad(number)} .title"), page.get_attribute(pad(number), "data-id"))
             for number in (1, 2, 3)]
    assert [title for title, _ in three] == ["take 19"] * 3
    assert len({name for _, name in three}) == 3 and page.input_value("#generate-seed input") == "-1"


def test_a_dropped_sound_of_ours_restores_its_settings_and_a_foreign_one_says_why_not(still, served, tmp_path):
    page = still
    path = next(served.workspace.takes.glob("take_7_*.wav"))
    drop_file(page, path)
    page.wait_for_function("document.querySelector('#generate-note').innerText.includes('“take 7” are back')")
    assert page.input_value("#generate-prompt textarea, #generate-prompt input") == "take 7"
    foreign = tmp_path / f"{HOSTILE}.wav"
    soundfile.write(foreign, [0.0, 0.5, 0.0], 44100)
    page.set_input_files("input[type=file][accept*='.json']", foreign)
    page.wait_for_selector(".toast-body")
    assert "carries no recipe" in page.inner_text(".toast-body")
    assert no_markup(page)


def test_a_prompt_of_four_thousand_letters_makes_a_sound_and_a_readable_pad(still, served):
    page = still
    page.fill("#generate-prompt textarea, #generate-prompt input", (HOSTILE * 200)[:4000])
    page.fill("#generate-count input", "1")
    page.keyboard.press("Tab")
    page.click("#generate-start")
    page.wait_for_function("document.querySelector('#generate-note').innerText.startsWith('1 new sound')")
    assert page.evaluate("document.documentElement.scrollWidth") == 1440 and no_markup(page)


# ------------------------------------------------------------------------------------------------------- the layout
def test_everything_is_seen_at_once_on_a_small_desktop_screen(still):
    page = still
    hear(page, 1)
    write(page, "generate-base", "embedded")  # the tests' own may be a path of two lines
    page.wait_for_function("(root => root.scrollWidth === 1440 && root.scrollHeight === 900)(document.documentElement)")
    for selector in ("#generate-start", pad(16), "#generate-detail .spectrum", "#generate-detail .reveal",
                     "#generate-base"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= 900, selector
