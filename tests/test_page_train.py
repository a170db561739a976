"""The tab Train in a real browser: a real training, and runs that were written by hand."""

import os

import pytest
from page_hands import HOSTILE, no_markup, open_tab, wait_for_tone, wav, write

from studio.files import write_json
from studio.knobs import as_dict
from studio.runs import Run, born
from studio.settings import GenerateSettings, MelSettings, PrepareSettings, TrainSettings

STEPS = (0, 100, 200)


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


def keep_run(served, name, dataset="small", status="done", steps=STEPS):
    """A run with previews of two prompts, as it lies on disk; its best step is the one before the last."""
    import torch

    from studio.engine import library
    from studio.engine.picture import Picture

    run, mel = Run(served.workspace.runs / name), MelSettings()
    settings = TrainSettings(base=str(served.base), steps=steps[-1], rank=3)
    write_json(run.folder / "settings.json", {
        "version": 1, "dataset": str(served.workspace.datasets / dataset), "train": as_dict(settings), "resume": False,
        "out": ""})
    for step in steps:
        place = run.folder / f"previews/step-{step:08d}"
        for row, prompt in enumerate(("kick", f"snare {HOSTILE}")):
            recipe = library.recipe_for(GenerateSettings(prompt=prompt, seed=row), "generate", mel)
            sound = 0.5 * torch.exp(-torch.arange(9000) / 2000) * (1 + row) / 2
            pixels = torch.full((128, 128), step // 2 % 256, dtype=torch.uint8)
            library.keep(sound, Picture(pixels, 0.0, 9000, mel), recipe, place, f"{row:02d}")
        tell(run, "validate", step, held_out_loss=0.3)
        tell(run, "preview", step, f"previews/step-{step:08d}", distance_db=9 - step / 50, nearest_db=5.0, best=1)
        for after in (step + 1, step + 2) if step < steps[-1] else ():
            tell(run, "train", after, loss=0.25, learning_rate=0.001)
    tell(run, "train", steps[-1], loss=0.2, learning_rate=0.001)
    write_json(run.folder / "best.json", {"step": steps[-2], "distance_db": 5.0})
    for file in ("best", "lora"):
        (run.folder / f"{file}.safetensors").write_bytes(file.encode())
    if status:
        run.tell({"status": status})
    return run


def tell(run, stage, step, note="", **values):
    run.tell({"stage": stage, "step": step, "total": STEPS[-1], "note": note, "values": values})


def fold_out(page):
    page.click("#train-all button")
    page.wait_for_selector("#train-base textarea, #train-base input", state="visible")


def listed(page, name):
    return page.locator(f"#train-runs .run[data-name='{name}']")


@pytest.mark.slow
def test_a_training_survives_a_reload_and_what_is_started_meanwhile_waits_for_it(open_page, served, small_dataset):
    page, other = open_page(), open_page()
    for each in (page, other):
        open_tab(each, "Train")
        fold_out(each)
        write(each, "train-base", served.base)
        write(each, "train-preview_every", 3)
    write(page, "train-steps", 6)
    write(other, "train-steps", 4)
    write(page, "train-name", f"mine {HOSTILE}")
    write(other, "train-name", "second")
    page.click("#train-start")
    page.wait_for_selector("#train-stop:not([disabled])")

    page.reload()
    open_tab(page, "Train")
    page.wait_for_function("document.querySelector('#run-note')?.innerText.includes('mine_alert')")
    fold_out(page)
    page.wait_for_function("document.querySelector('#train-steps input')?.value === '6'")  # what it was started with
    other.click("#train-start")
    queued = Run(served.workspace.runs / "second")
    mine = next(iter(served.workspace.runs.glob("mine*")))
    other.wait_for_function("document.querySelector('#train-runs [data-name=second]')")
    assert queued.queued or Run(mine).state().status == "done"

    for each in (page, other):
        each.bring_to_front()
        listed(each, mine.name).locator("button.open").click()
        wait_for_tone(each, "run-note", "good", "bad")
        assert "trained, 6 steps" in each.inner_text("#run-note")
        assert each.get_attribute("#run-losses .chart", "data-points") != "0"
        each.wait_for_function("document.querySelectorAll('#run-previews .cell img').length >= 6")
    assert queued.wait(lambda event: None).status == "done"
    listed(page, "second").locator(".open span", has_text="done").wait_for()
    page.click("#train-use")
    page.wait_for_function("document.querySelector('#generate-lora-1 input')?.value?.startsWith('mine')")
    assert page.input_value("#generate-base textarea, #generate-base input") == str(served.base)
    assert no_markup(page)


def test_previews_are_heard_beside_each_other_and_the_best_is_marked(page, served, small_dataset):
    run = keep_run(served, "heard")
    open_tab(page, "Train")
    listed(page, "heard").locator("button.open").click()
    page.wait_for_selector("#run-previews .preview_table[data-columns='3'][data-rows='2']")
    assert page.locator("#run-previews th.best").inner_text().split("\n")[0] == "step 100 ★"
    assert "base alone" in page.inner_text("#run-previews")
    page.locator("#run-previews .cell").nth(1).click()
    played = "document.querySelector('#run-previews .preview_table').dataset.played === "
    page.wait_for_function(f"{played}'preview {run.name} 100 0'")
    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"{played}'preview {run.name} 100 1'")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{played}'preview {run.name} 200 1'")
    assert no_markup(page)
    page.click("#train-use-best")
    page.wait_for_function("document.querySelector('#generate-lora-1 input')?.value === 'heard_step_100'")
    assert (served.workspace.loras / "heard_step_100.safetensors").read_bytes() == b"best"


def test_a_page_follows_a_run_that_another_process_writes(page, served, small_dataset):
    run = keep_run(served, "followed", status="")
    write_json(run.folder / "process.json", {"pid": os.getpid(), "started": born(os.getpid())})
    try:
        open_tab(page, "Train")
        page.wait_for_function("document.querySelector('#run-note').innerText.includes('followed: training')")
        assert page.inner_text("#train-start") == "Add to the queue"
        page.focus("#train-runs .run[data-name=followed] [data-act=clone]")
        tell(run, "train", 200, loss=0.125)
        page.wait_for_function("document.querySelector('#run-note').innerText.includes('0.1250')")
        page.wait_for_function("document.querySelector('#train-runs [data-name=followed] .said').innerText"
                               ".startsWith('200 of')")
        assert page.evaluate("document.activeElement.dataset.act") == "clone"  # it stays the same element
        page.click("#train-stop")
        page.wait_for_function("document.querySelector('#run-note').innerText.includes('finishing')")
        assert (run.folder / "stop").exists()
    finally:
        run.tell({"status": "stopped"})
        (run.folder / "process.json").unlink()
    page.wait_for_function("document.querySelector('#run-note').innerText.includes('stopped and saved')")
    assert page.inner_text("#train-start") == "Start training"


def test_a_run_is_cloned_thrown_away_and_brought_back(page, served, small_dataset):
    run = keep_run(served, "old")
    open_tab(page, "Train")
    listed(page, "old").locator("[data-act=clone]").click()
    page.wait_for_function("document.querySelector('#train-name input, #train-name textarea').value === 'old'")
    fold_out(page)
    page.wait_for_function("document.querySelector('#train-rank input').value === '3'")
    listed(page, "old").locator("[data-act=trash]").click()
    page.get_by_role("button", name="Undo: old").wait_for()
    assert not run.folder.exists() and (served.workspace.trash / "old" / "lora.safetensors").is_file()
    page.get_by_role("button", name="Undo: old").click()
    listed(page, "old").wait_for()
    assert run.folder.is_dir()


def test_the_dial_and_the_roles_move_the_controls_and_say_what_it_takes(page, served, small_dataset):
    open_tab(page, "Train")
    page.click("#train-dataset input")  # other tests leave theirs in the same workspace
    page.get_by_role("option", name=small_dataset, exact=True).click()
    steps = "document.querySelector('#train-steps input').value"
    page.locator("#train-dial label", has_text="very close").click()
    page.wait_for_function("document.querySelector('#train-expected').innerText.startsWith('830 steps')")
    fold_out(page)  # what is folded away has followed
    page.wait_for_function(f"{steps} === '830'")
    write(page, "train-base", served.base)
    page.locator("#train-role label", has_text="snare").click()
    page.wait_for_function("document.querySelector('#train-roles textarea').value === 'snare\\nclap\\nrim'")
    expected = "document.querySelector('#train-expected').innerText"
    page.wait_for_function(f"{expected}.startsWith('830 steps · each of 1 sound ')")
    write(page, "train-roles", "clap")
    page.wait_for_function(f"{expected}.includes('no caption names clap, they name hat, kick, snare')")
    page.wait_for_function("!document.querySelector('#train-role input:checked')")
    page.locator("#train-role label", has_text="any").click()
    page.wait_for_function("document.querySelector('#train-roles textarea').value === ''")
    page.wait_for_function(f"{expected}.startsWith('830 steps · each of 3 sounds ')")
    page.locator("#train-dial label", has_text="a hint").click()
    page.wait_for_function(f"{steps} === '80'")
    assert page.input_value("#train-base textarea, #train-base input") == str(served.base)  # the user's own stays


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_nothing_is_wider_than_the_page_and_on_a_desk_nothing_taller(page, served, small_dataset, width, height):
    keep_run(served, f"sized_{width}", steps=tuple(range(0, 2000, 100)))
    page.set_viewport_size({"width": width, "height": height})
    if width > 560:
        open_tab(page, "Train")
    else:
        page.wait_for_selector("[role=tab]:has-text('Train')")
        page.get_by_role("tab", name="Train", exact=True).click()
    listed(page, f"sized_{width}").locator("button.open").click()
    page.wait_for_selector(f"#run-previews .cell[data-id^='preview sized_{width}']")
    wide, tall = page.evaluate("[document.documentElement.scrollWidth - innerWidth, "
                               "document.documentElement.scrollHeight - innerHeight]")
    assert wide <= 0 and (width < 1000 or tall <= 0)
