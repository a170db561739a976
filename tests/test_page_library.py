"""The tab Library in a real browser: found, played, marked, thrown away and brought back, restored, taken out."""

import io
import secrets
import urllib.request
import zipfile

import pytest
import soundfile
from page_hands import HOSTILE, drop_file, no_markup, open_tab, write

from studio.settings import GenerateSettings, MelSettings

LIST, GRID = "#library-rows", "#library-pads"


@pytest.fixture
def batch(served):
    """Puts takes into the library without making them; each can be found by the word that all of this test share."""
    import torch

    from studio.engine import library
    from studio.engine.picture import Picture

    word, mel = f"b{secrets.token_hex(4)}", MelSettings()

    def keep(*prompts, **settings):
        takes = []
        for number, prompt in enumerate(prompts):
            fall = torch.exp(-torch.arange(22050) / 6000)
            waveform = 0.5 * fall * torch.sin(torch.arange(22050) * 0.01 * (1 + number))
            settings = dict(seed=500 + number, steps=2, count=1, base=str(served.base)) | settings
            recipe = library.recipe_for(GenerateSettings(prompt=prompt, **settings), "generate", mel)
            image = Picture(torch.full((128, 128), 20 * number % 250, dtype=torch.uint8), 0.0, 22050, mel)
            takes.append(library.keep(waveform, image, recipe, served.workspace.takes, f"{prompt} {word}"))
        return takes

    keep.word, keep.folder = word, served.workspace.takes
    return keep


@pytest.fixture
def shelf(same_page):
    """A page whose tab Library is a grid, for tests that leave its filters and its export alone."""
    open_tab(same_page, "Library")
    same_page.get_by_label("Grid", exact=True).click()
    look_for(same_page, f"none {secrets.token_hex(4)}", 0)  # else what was found before may be taken for it
    open_tab(same_page, "Dataset")  # what is new in the folder is seen when the tab comes to the front
    return same_page


def look_for(page, text, count):
    """Open the tab, search, and wait until that many are found and those in view can be played."""
    open_tab(page, "Library")
    page.fill("#library-search textarea, #library-search input", text)
    wait_for_count(page, count)
    page.evaluate("document.activeElement.blur()")


def wait_for_count(page, count):
    said = f"{count} sound{'s' * (count != 1)}" if count else "No sound fits."
    page.wait_for_function("said => document.querySelector('#library-note').innerText.trim().startsWith(said)",
                           arg=said)


def as_list(page, count):
    page.get_by_label("List", exact=True).click()
    wait_for_many(page, f"{LIST} .take", count)
    page.wait_for_function("([at, count]) => Number(document.querySelector(`${at} .take_rows`).dataset.ready) >= count",
                           arg=[LIST, count])


def wait_for_many(page, selector, count):
    page.wait_for_function("([at, count]) => document.querySelectorAll(at).length === count", arg=[selector, count])


def ids(page, at=f"{LIST} .take"):
    return page.eval_on_selector_all(at, "found => found.map(each => each.dataset.id)")


def line(number):
    return f"{LIST} .body > :nth-child({number})"


def dragged(page, selector):
    return page.evaluate("""selector => { const carried = new DataTransfer();
        const drag = new DragEvent('dragstart', {dataTransfer: carried, bubbles: true});
        document.querySelector(selector).dispatchEvent(drag);
        return ['DownloadURL', 'text/uri-list', 'text/plain'].map(kind => carried.getData(kind)); }""", selector)


# --------------------------------------------------------------------------------------------------------------- found
def test_sounds_are_found_by_any_of_their_words_and_filtered(page, batch):
    from studio.engine import library

    kick, snare, hat = batch("deep kick", "snare", "closed hat", lora=(f"kit {batch.word}.safetensors:0.5",))
    library.mark(hat, starred=True, note="for the Überraschung")
    look_for(page, batch.word, 3)
    wait_for_many(page, f"{GRID} .pad", 3)
    assert ids(page, f"{GRID} .pad") == [take.path.name for take in (hat, snare, kick)]
    for text, expected in (("uberr", [hat]), ("dee", [kick]), ("kick snare", []), (HOSTILE, []),
                           ("", [hat, snare, kick])):
        look_for(page, f"{text} {batch.word}", len(expected))
        wait_for_many(page, f"{GRID} .pad", len(expected))
        assert ids(page, f"{GRID} .pad") == [take.path.name for take in expected]
    page.check("#library-starred input")
    wait_for_count(page, 1)
    page.uncheck("#library-starred input")
    wait_for_count(page, 3)
    page.click("#library-lora input")
    page.get_by_role("option", name=f"kit {batch.word}").click()
    page.click("#library-role input")
    page.get_by_role("option", name="closed hat", exact=True).click()
    wait_for_count(page, 1)


def test_a_long_library_is_turned_part_by_part(shelf, batch):
    page = shelf
    batch(*(f"kick {number}" for number in range(18)))
    look_for(page, batch.word, 18)
    wait_for_many(page, f"{GRID} .pad", 16)
    first = ids(page, f"{GRID} .pad")
    page.keyboard.press("PageDown")
    wait_for_many(page, f"{GRID} .pad", 2)
    assert not set(first) & set(ids(page, f"{GRID} .pad"))
    page.click("#library-pager .back")
    wait_for_many(page, f"{GRID} .pad", 16)
    assert ids(page, f"{GRID} .pad") == first


# ------------------------------------------------------------------------------------------------------ played, dragged
def test_the_list_is_played_with_keys_and_gives_its_files_away(shelf, batch):
    page = shelf
    names = [take.path.name for take in reversed(batch("kick", "snare", "hat"))]
    look_for(page, batch.word, 3)
    as_list(page, 3)
    page.click(line(1))
    page.wait_for_selector(f"#library-detail .detail[data-id='{names[0]}']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute(f"{LIST} .take_rows", "data-played") == names[2]
    page.wait_for_selector(f"#library-detail .detail[data-id='{names[2]}']")
    page.focus("#export-name textarea, #export-name input")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("s")
    assert page.get_attribute(f"{LIST} .take_rows", "data-played") == names[2]  # what is typed plays nothing

    page.click(line(1), modifiers=["Shift"])
    page.wait_for_selector("text=chosen: 3")
    for _ in range(2):  # a finger has no Shift: a tap chooses, once that is asked for
        page.evaluate("list => document.querySelector(`${list} .several`).click()", LIST)
        page.click(line(2))
    assert page.get_attribute(f"{LIST} .take_rows", "data-played") == names[1]
    page.click(line(1))
    page.click(line(3), modifiers=["Shift"])
    page.wait_for_selector("text=chosen: 3")
    download, addresses, plain = dragged(page, line(2))
    kind, name, url = download.split(":", 2)
    assert (kind, name) == ("audio/wav", names[1])
    assert [address.rsplit("/", 1)[-1] for address in addresses.split()] == names and plain.split() == addresses.split()
    with urllib.request.urlopen(url) as answer:
        info = soundfile.info(io.BytesIO(answer.read()))
    assert (info.subtype, info.frames) == ("PCM_24", 22050)


# ------------------------------------------------------------------------------------------------- marked, thrown away
def test_stars_names_and_notes_are_on_disk_and_on_every_page(open_page, batch):
    from studio.engine import library

    take, = batch("kick")
    page = open_page()
    look_for(page, batch.word, 1)
    as_list(page, 1)
    page.click(line(1))
    page.keyboard.press("s")
    page.keyboard.press("F2")
    page.keyboard.type("Deep")
    page.wait_for_selector(f"{LIST} .take.starred")  # the list is filled anew, and the name is still written on
    page.keyboard.type(f" {HOSTILE} {batch.word}")
    page.keyboard.press("Enter")
    page.wait_for_function("at => document.querySelector(at).innerText.includes('Deep')", arg=f"{LIST} .take .title")
    page.wait_for_selector("#library-detail .detail[data-id^='Deep_']")
    page.fill("#library-detail textarea.note", "for the intro")
    page.keyboard.press("Tab")
    page.wait_for_function("at => document.querySelector(at).innerText === 'for the intro'",
                           arg=f"{LIST} .take .remark")
    found = library.find(batch.folder, ids(page)[0])
    assert (found.starred, found.note, found.title) == (True, "for the intro", f"Deep {HOSTILE} {batch.word}")
    assert not take.path.exists()
    other = open_page()
    look_for(other, f"intro {batch.word}", 1)
    other.wait_for_selector(f"{GRID} .pad.starred")
    assert HOSTILE in other.inner_text(f"{GRID} .pad .title") and no_markup(page) and no_markup(other)


def test_what_is_thrown_away_is_in_the_trash_and_comes_back(shelf, served, batch):
    page = shelf
    takes = batch("kick", "snare", "hat")
    before = {take.path.name: take.path.read_bytes() for take in takes}
    look_for(page, batch.word, 3)
    as_list(page, 3)
    page.click(line(1))
    page.click(line(2), modifiers=["Control"])
    page.keyboard.press("Delete")
    wait_for_count(page, 1)
    trashed = sorted(path.name for path in served.workspace.trash.glob(f"*{batch.word}*.wav"))
    assert trashed == sorted([takes[1].path.name, takes[2].path.name])
    page.click(f"{LIST} .undo")
    wait_for_count(page, 3)
    assert {name: (batch.folder / name).read_bytes() for name in before} == before
    assert not list(served.workspace.trash.glob(f"*{batch.word}*"))


def test_a_sound_that_went_away_behind_the_pages_back_is_told_and_gone(open_page, batch):
    takes = batch("kick", "snare", "hat")
    seen = []
    for _ in range(2):  # one after the other: a page behind another one is slowed down by the browser
        seen.append(open_page())
        look_for(seen[-1], batch.word, 3)
        as_list(seen[-1], 3)
    page, other = seen
    for suffix in (".wav", ".png", ".json"):
        takes[2].path.with_suffix(suffix).unlink()
    other.click(line(2))
    other.keyboard.press("Delete")
    wait_for_count(other, 1)
    page.bring_to_front()
    page.click(line(2))  # another page has thrown it away
    page.wait_for_selector(".toast-body")
    assert "is no longer in takes" in page.inner_text(".toast-body")
    wait_for_count(page, 1)
    wait_for_many(page, f"{LIST} .take", 1)
    assert ids(page) == [takes[0].path.name]


# --------------------------------------------------------------------------------------------------- restored, repeated
def test_the_settings_of_a_take_fill_the_tab_generate(shelf, batch):
    page = shelf
    take, = batch("808 kick, long", guidance=7.5, seed=4711, scheduler="ddim")
    look_for(page, batch.word, 1)
    as_list(page, 1)
    page.click(line(1))
    page.click(f"#library-detail .detail[data-id='{take.path.name}'] .reuse")
    page.wait_for_selector("#generate-start")
    page.wait_for_function("document.querySelector('#generate-note').innerText.includes('808 kick, long')")
    assert page.input_value("#generate-prompt textarea, #generate-prompt input") == "808 kick, long"
    assert page.input_value("#generate-seed input[type=number]") == "4711"
    assert page.input_value("#generate-guidance input[type=number]") == "7.5"


def test_a_sound_dropped_on_the_library_fills_the_tab_generate(shelf, batch):
    page = shelf
    take, = batch("a dropped clap", guidance=5.5)
    look_for(page, batch.word, 1)
    drop_file(page, take.path)
    page.wait_for_function("document.querySelector('#generate-note')?.innerText.includes('“a dropped clap” are back')")
    page.wait_for_selector("#generate-start", state="visible")
    assert page.input_value("#generate-guidance input[type=number]") == "5.5"


def test_more_like_this_makes_new_sounds_with_the_same_settings(shelf, served, batch):
    page = shelf
    from studio.engine import library

    take, = batch(f"snare {batch.word}")
    open_tab(page, "Generate")
    page.fill("#generate-count input[type=number]", "1")
    page.keyboard.press("Tab")
    look_for(page, batch.word, 1)
    as_list(page, 1)
    page.click(line(1))
    page.click(f"#library-detail .detail[data-id='{take.path.name}'] .more")
    page.wait_for_function("document.querySelector('#generate-note').innerText.startsWith('1 new sound')")
    look_for(page, batch.word, 2)
    found = [take for take in library.takes(served.workspace.takes) if take.prompt == f"snare {batch.word}"]
    assert len(found) == 2 and found[0].seed != found[1].seed == 500


# ------------------------------------------------------------------------------------------------------------ taken out
def test_chosen_sounds_go_to_the_export_folder_and_all_found_into_a_zip(page, served, batch):
    batch("deep kick", "kick", "snare")
    look_for(page, batch.word, 3)
    as_list(page, 3)
    write(page, "export-name", batch.word)
    page.click(line(2))
    page.wait_for_selector("text=chosen: 1")
    page.click("#export-start")
    page.wait_for_function("document.querySelector('#export-note')?.innerText.startsWith('1 sound exported')")
    folder = served.workspace.exports / batch.word
    assert [path.name for path in folder.iterdir()] == ["kick 01.wav"]
    assert soundfile.info(folder / "kick 01.wav").subtype == "PCM_24"

    page.click(line(1), modifiers=["Control"])
    page.wait_for_selector("text=chosen: 2")
    page.get_by_label("all found: 3").click()
    page.keyboard.press("s")  # a mark changes nothing of what is to be exported
    page.wait_for_function(f"document.querySelectorAll('{LIST} .take.starred').length === 2")
    assert page.get_by_label("all found: 3").is_checked()
    page.click("#export-preset input")
    page.get_by_role("option", name="sfz-kit").click()
    page.get_by_role("button", name="How they are written").click()
    page.wait_for_selector("#export-sfz input:checked")
    page.click("#export-zip")
    page.wait_for_selector("#export-save a, a#export-save, #export-save")
    with page.expect_download() as download:
        page.click("#export-save")
    with zipfile.ZipFile(download.value.path()) as archive:
        names = sorted(name.split("/")[-1] for name in archive.namelist())
    assert names == [f"{batch.word}.sfz", "kick 01.wav", "kick 02 deep.wav", "snare 01.wav"]
    assert page.input_value("#export-folder textarea, #export-folder input") == str(served.workspace.exports)


def test_the_page_says_what_dragging_does_in_this_browser(shelf):
    page = shelf
    open_tab(page, "Library")
    page.wait_for_selector("#export-dragging .dragging")
    windows = page.evaluate("navigator.userAgentData ? navigator.userAgentData.platform : navigator.platform")
    said = page.inner_text("#export-dragging")
    assert ("the file itself" in said) == windows.lower().startswith(("win", "mac"))
    assert ("only its address" in said) != ("the file itself" in said)


def test_an_export_of_nothing_says_what_to_do(shelf, batch):
    page = shelf
    batch("kick")
    look_for(page, batch.word, 1)
    page.click("#export-start")
    page.wait_for_selector(".toast-body")
    assert "no sounds are chosen; click one" in page.inner_text(".toast-body")
    page.wait_for_function("document.querySelector('#export-note')?.innerText.includes('no sounds are chosen')")
