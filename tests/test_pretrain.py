"""A base of one's own: the verb, and the recipe on several processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from studio.cli import main
from studio.engine import audio, synth
from studio.engine.base.plan import LIBRARY_ROLE
from studio.files import read_json

ROOT = Path(__file__).resolve().parent.parent
RATE = 44100
TWO_PROCESSES = """
import sys
from pathlib import Path

from studio.engine.base import recipe
from studio.engine.base.plan import Plan
from studio.settings import MelSettings

plan = Plan(mel=MelSettings(n_mels=32, n_frames=32, hop_length=347, n_fft=2048), roles=("kick", "snare"),
            clips_per_role=4, held_out_per_role=3, vocabulary=600, text_width=16, text_layers=1, text_hidden=16,
            vae_channels=(8, 8, 8, 8), vae_groups=4, vae_batch=2, vae_crop=16, vae_steps=3, ear_steps=2,
            decoder_steps=2, unet_channels=(16, 16), unet_attention=(False, True), unet_groups=4, unet_batch=2,
            unet_steps=int(sys.argv[2]), warmup_steps=1)
recipe.build(Path(sys.argv[1]) / "out", Path(sys.argv[1]) / "work", plan)
"""


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """44 short kicks and hats, named as a musician would."""
    folder = tmp_path / "my sounds"
    for role in ("kick", "closed hat"):
        batch = synth.synthesise(role, 22, 5, sample_rate=RATE, duration=0.2)
        for number, waveform in enumerate(batch.waveforms):
            audio.write(folder / f"{role} {number:02d}.wav", waveform, RATE)
    return folder


def test_a_folder_of_sounds_becomes_a_base_that_generates(sounds, tmp_path, capsys):
    out = tmp_path / "mine"
    assert main(["pretrain", str(sounds), "--out", str(out), "--steps", "1", "--device", "cpu"]) == 0
    assert read_json(out / "plan.json")["roles"] == [LIBRARY_ROLE]
    assert "library of sounds" in (out / "README.md").read_text(encoding="utf-8")
    again = main(["pretrain", str(sounds), "--out", str(out), "--steps", "1", "--device", "cpu"])
    assert again == 0 and "finished already" in capsys.readouterr().err
    assert main(["generate", "--base", str(out), "--prompt", "kick", "--count", "1", "--steps", "2", "--seed", "3",
                 "--device", "cpu", "--out", str(tmp_path / "takes")]) == 0
    assert len(list((tmp_path / "takes").glob("*.wav"))) == 1


def test_too_few_sounds_are_refused_in_a_sentence(sounds, tmp_path, capsys):
    for path in sorted(sounds.iterdir())[10:]:
        path.unlink()
    assert main(["pretrain", str(sounds), "--out", str(tmp_path / "mine"), "--steps", "1", "--device", "cpu"]) == 2
    assert "too few" in capsys.readouterr().err


def built_by_two(folder: Path, steps: int) -> None:
    """Two processes as torchrun starts them."""
    script = folder / "build.py"
    script.write_text(TWO_PROCESSES, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script),
                    str(folder), str(steps)], check=True, capture_output=True,
                   env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})


@pytest.mark.slow
def test_two_processes_train_one_base_and_go_on_from_its_checkpoint(tmp_path):
    built_by_two(tmp_path, 3)
    StableDiffusionPipeline.from_pretrained(tmp_path / "out", safety_checker=None)
    weights = load_file(tmp_path / "out" / "unet" / "diffusion_pytorch_model.safetensors")
    assert all(torch.isfinite(each).all() for each in weights.values())
    assert torch.load(tmp_path / "work" / "unet.pt", weights_only=True)["step"] == 3
    for finished in (tmp_path / "out", tmp_path / "work" / "denoiser"):
        shutil.rmtree(finished)
    built_by_two(tmp_path, 5)
    assert torch.load(tmp_path / "work" / "unet.pt", weights_only=True)["step"] == 5
