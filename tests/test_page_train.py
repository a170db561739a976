import pytest
from page_hands import HOSTILE, no_markup, open_tab, wait_for_tone, wav, write

from studio.settings import MelSettings, PrepareSettings


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
