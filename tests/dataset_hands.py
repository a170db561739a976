"""Hands for the tests of the tab Dataset: sounds in, rows, what is saved."""

import io

import numpy
import soundfile
from page_hands import open_tab, wait_for_tone, wav, write

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


def tidy(page):
    """Open the tab on a page that other tests had: nothing is chosen, and nothing that it says is theirs."""
    open_tab(page, "Dataset")
    write(page, "dataset-folder", "")
    for clear in page.locator("#dataset-files [aria-label=Clear]").all():
        clear.click()
    page.evaluate("delete document.querySelector('#dataset-note .note')?.dataset.tone")
    return page


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
