"""Several processes train one LoRA: the same as one process with the same global batch, started by any launcher."""

import json
import subprocess
import sys
import types

import pytest
import torch
from kits import thumps
from safetensors.torch import load_file

from studio import jobs
from studio.engine.training import together, train
from studio.errors import StudioError
from studio.runs import Run
from studio.settings import TrainSettings

FLAGS = ["--device", "cpu", "--rank", "2", "--preview-every", "2", "--preview-count", "1", "--checkpoint-every", "2",
         "--text-encoder", "--learning-rate", "0.005"]


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return thumps(tmp_path_factory.mktemp("together"), 20)


def launched(kit, out, base, *flags, stop_at=0):
    """Two processes of `studio.py train`, as `accelerate launch` or torchrun starts them; (exit code, run)."""
    run = Run(out.with_suffix(".run"))
    process = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "studio.py", "train",
         str(kit), "--out", str(out), "--base", str(base), *FLAGS, *flags], cwd=jobs.ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if stop_at:
        while process.poll() is None and not run.folder.exists():
            pass
        run.wait(lambda event: run.stop() if event.get("stage") == "train" and event["step"] >= stop_at else None)
    return process.wait(), run


@pytest.mark.slow
def test_two_launched_processes_give_the_lora_of_one_with_the_same_global_batch(kit, tiny_base, tmp_path):
    code, run = launched(kit, tmp_path / "two.safetensors", tiny_base, "--steps", "4", "--batch-size", "2")
    assert code == 0 and run.state().status == "done"
    one = train(kit, TrainSettings(base=str(tiny_base), device="cpu", steps=4, batch_size=4, rank=2, preview_every=2,
                                   preview_count=1, text_encoder=True, learning_rate=0.005), tmp_path / "one")
    ours, theirs = load_file(one), load_file(tmp_path / "two.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[key], theirs[key], atol=1e-4) for key in ours)
    best, other = (json.loads((folder / "best.json").read_text()) for folder in (tmp_path / "one", run.folder))
    assert best["step"] == other["step"] and abs(best["held_out_loss"] - other["held_out_loss"]) < 1e-4
    told = [event["step"] for event in run.events() if event.get("stage") == "preview"]
    assert told == [0, 2, 4]  # once each, from the first process


@pytest.mark.slow
def test_a_stop_is_heard_by_all_at_the_same_step_and_the_run_goes_on_from_there(kit, tiny_base, tmp_path):
    out = tmp_path / "stopped.safetensors"
    code, run = launched(kit, out, tiny_base, "--steps", "5000", "--batch-size", "1", stop_at=3)
    state = run.state()
    assert state.status == "stopped" and 3 <= state.step < 5000 and code != 0
    assert out.is_file() and (run.folder / "checkpoints" / f"step-{state.step:08d}").is_dir()
    code, again = launched(kit, out, tiny_base, "--resume", "--steps", str(state.step + 2))
    assert code == 0 and again.folder == run.folder and again.state().status == "done"
    assert again.state().step == state.step + 2


def test_whatever_ends_the_first_process_ends_the_others_too(monkeypatch):
    """None waits for one that has left; the first ends by what it met, so that it can be told."""
    sent = []
    monkeypatch.setattr(together, "broadcast_object_list", lambda said: sent.append(list(said)))

    def fails():
        raise MemoryError("no more")

    with pytest.raises(MemoryError):
        together.on_main(types.SimpleNamespace(num_processes=2, is_main_process=True), fails)
    assert sent == [["MemoryError", "no more", None]]
    monkeypatch.setattr(together, "broadcast_object_list", lambda said: said.__setitem__(slice(None), sent[0]))
    with pytest.raises(StudioError, match="no more"):
        together.on_main(types.SimpleNamespace(num_processes=2, is_main_process=False), fails)
