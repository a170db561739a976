"""Hands for the page's tests: a small sound, and what a user does."""

import io

import numpy
import soundfile

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
