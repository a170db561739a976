import io
import urllib.request

import soundfile
from page_hands import HOSTILE, no_markup, open_tab, wait_for_tone, write


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
