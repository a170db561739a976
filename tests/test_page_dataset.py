from page_hands import HOSTILE, no_markup, wait_for_tone, wav, write


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
