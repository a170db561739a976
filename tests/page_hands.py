"""Hands for the page's tests: a small sound, and what a user does."""

import base64
import io
import secrets
from contextlib import contextmanager

import numpy
import soundfile

from studio.settings import GenerateSettings, MelSettings

HOSTILE = "${alert(1)}<img src=x onerror=alert(1)>"


@contextmanager
def pages_of(browser, served):
    """Opens pages of the studio, with a script that runs before theirs; at the end none of them may have failed, asked
    outside, or shown a dialog."""
    pages, faults = [], []

    def opened(before=""):
        page = browser.new_page()
        page.add_init_script(before)
        pages.append(page)
        page.set_default_timeout(120_000)  # for a busy machine; nothing waits for it where all is well
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith((served.url, "data:", "blob:"))
                or faults.append(f"a request to {request.url}"))
        page.goto(f"{served.url}?__theme=dark")
        page.wait_for_selector("#dataset-prepare")
        # what the page fills in once it has loaded must not come after what a test types
        page.wait_for_function("document.querySelector('#header-note').innerText.includes('base')")
        page.wait_for_function("document.querySelector('#dataset-name input').value !== ''")
        return page

    yield opened
    for page in pages:
        page.close()
    assert not faults, faults


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


# ------------------------------------------------------------------------------------------------------ takes and pads
def keep_takes(served, count):
    """Put takes into the library without making them: "take 0" … of falling noise, the last one the newest.

    The one before the last is a tenth as loud as the others. Returns the file names, newest first.
    """
    import torch

    from studio.engine import library
    from studio.engine.picture import Picture

    mel, batch = MelSettings(), secrets.token_hex(3)
    fall = torch.exp(-4 * torch.arange(22050) / 22050)
    names = []
    for number in range(count):
        waveform = 0.9 * fall * (2 * torch.rand(22050, generator=torch.Generator().manual_seed(number)) - 1)
        settings = GenerateSettings(prompt=f"take {number}", seed=1000 + number, steps=2, count=1,
                                    base=str(served.base))
        picture = Picture(torch.full((128, 128), 5 * number, dtype=torch.uint8), 0.0, 22050, mel)
        take = library.keep(waveform * (0.1 if number == count - 2 else 1), picture,
                            library.recipe_for(settings, "generate", mel), served.workspace.takes,
                            f"take {number} {batch}")
        names.insert(0, take.path.name)
    return names


def wait_for_pads(page, names):
    """Open the Generate tab and wait until these are the first on its pads, ready to play."""
    open_tab(page, "Generate")
    page.wait_for_function("name => document.querySelector('#generate-pads .pad')?.dataset.id === name", arg=names[0])
    page.wait_for_function("ready => Number(document.querySelector('#generate-pads .pads').dataset.ready) >= ready",
                           arg=min(16, len(names)))
    page.evaluate("document.activeElement.blur()")
    return page


def pad(number):
    """The selector of a pad, from 1."""
    return f"#generate-pads .grid > :nth-child({number})"


def hear(page, number):
    """Click a pad and wait for the closer look at it; returns its file's name without the suffix."""
    page.click(pad(number))
    name = page.get_attribute(pad(number), "data-id")
    page.wait_for_selector(f"#generate-detail .detail[data-id='{name}']")
    return name.removesuffix(".wav")


def dragged(page, selector):
    """What a drag of an element carries, by kind."""
    return page.evaluate("""selector => { const carried = new DataTransfer();
        const drag = new DragEvent('dragstart', {dataTransfer: carried, bubbles: true, cancelable: true});
        document.querySelector(selector).dispatchEvent(drag);
        return Object.fromEntries(['DownloadURL', 'text/uri-list', 'text/plain'].map(
            kind => [kind, carried.getData(kind)])); }""", selector)


def drop_file(page, path):
    """Drop a file on the page, as from the system's file manager."""
    page.evaluate("""async text => { const carried = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
        carried.items.add(new File([bytes], 'whatever name.wav', {type: 'audio/wav'}));
        for (const kind of ['dragover', 'drop']) document.body.dispatchEvent(
            new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true})); }""",
                  base64.b64encode(path.read_bytes()).decode())
