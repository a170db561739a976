"""The command line: exit codes, one line for a fault, JSON on standard output, and every setting a flag."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from studio import cli, flags, jobs, settings, verbs
from studio.cli import main
from studio.engine import audio, selfcheck
from studio.files import write_json
from studio.progress import Estimate

ROOT = Path(__file__).resolve().parent.parent
VERBS = ("check", "demo-kit", "encode", "decode", "prepare", "export-dataset", "import-dataset", "train", "generate",
         "transform", "split", "morph", "track", "pretrain", "serve", "tray", "export-lora")


def said(capsys):
    """(last line of standard output as JSON, standard error)."""
    out, err = capsys.readouterr()
    return json.loads(out.strip().splitlines()[-1]), err


@pytest.fixture
def kit(tmp_path):
    assert main(["demo-kit", str(tmp_path / "kit")]) == 0
    return tmp_path / "kit"


def test_the_main_job_from_sounds_to_sounds(kit, tiny_base, tmp_path, capsys):
    few = [str(path) for path in sorted(kit.iterdir())[:4]]
    assert main(["prepare", *few, "--out", str(tmp_path / "ds"), "--json"]) == 0
    prepared, _ = said(capsys)
    assert len(prepared["added"]) == 4 and prepared["refused"] == []

    lora = tmp_path / "kit.safetensors"
    assert main(["train", str(tmp_path / "ds"), "--out", str(lora), "--base", str(tiny_base), "--steps", "3",
                 "--batch-size", "1", "--device", "cpu", "--checkpoint-every", "1", "--json"]) == 0
    trained, _ = said(capsys)
    assert trained["lora"] == str(lora) and trained["steps"] == 3 and lora.is_file()

    assert main(["train", str(tmp_path / "ds"), "--out", str(lora), "--steps", "5", "--resume", "--json"]) == 0
    assert said(capsys)[0]["steps"] == 5  # with the base and the batch size that it was begun with

    assert main(["generate", "--prompt", "kick", "--base", str(tiny_base), "--lora", f"{lora}:0.8", "--count", "2",
                 "--seed", "1", "--steps", "2", "--out", str(tmp_path / "takes"), "--json"]) == 0
    made, _ = said(capsys)
    assert [take["seed"] for take in made["takes"]] == [1, 2]
    assert all(Path(take["file"]).is_file() for take in made["takes"])

    assert main(["export-lora", str(lora), str(tmp_path / "kohya.safetensors"), "--format", "kohya"]) == 0
    assert (tmp_path / "kohya.safetensors").is_file()


def test_words_go_where_a_notebook_wants_them(tmp_path):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["demo-kit", str(tmp_path / "kit"), "--json"]) == 0
    assert json.loads(said.getvalue().splitlines()[-1])


def test_encode_and_decode_pass_files_and_flags_through(kit, tmp_path, capsys):
    sound = str(sorted(kit.iterdir())[0])
    assert main(["encode", sound, str(tmp_path / "a.png"), "--mel", "one-shot-128", "--range-db", "80", "--json"]) == 0
    assert said(capsys)[0]["files"] == [str(tmp_path / "a.png")]
    assert main(["decode", str(tmp_path / "a.png"), str(tmp_path / "a.wav"), "--iterations", "4", "--seed", "3"]) == 0
    assert (tmp_path / "a.wav").is_file()


@pytest.mark.parametrize(("argv", "line"), [
    (["encode", "nowhere.wav", "x.png"], "nowhere.wav: there is no such file"),
    (["encode", "nowhere.wav", "x.png", "--mel", "one-shot-512-fats"], "did you mean 'one-shot-512-fast'?"),
    (["encode", "nowhere.wav", "x.png", "--f-max", "90000"], "above half of sample_rate"),
    (["prepare", "nowhere.wav", "--out", "x"], "no usable sound"),
    (["train", "nowhere", "--out", "x.safetensors"], "is no dataset"),
    (["generate", "--out", "x", "--count", "0"], "count is 0; give at least 1"),
    (["generate", "--out", "x", "--device", "tpu"], "device is 'tpu'"),
    (["generate", "--out", "x", "--prmpt", "kick"], "unrecognized arguments: --prmpt"),
    (["generate", "--out", "x", "--base", "nowhere/nothing"], "base 'nowhere/nothing' could not be loaded"),
    (["fly"], "invalid choice: 'fly'"),
    (["encode", "a.wav", "a.png", "--duration", "nan"], "duration is nan; give a length in seconds"),
    (["export-lora", "nowhere.safetensors", "y.safetensors", "--format", "kohya"], "there is no such LoRA file"),
])
def test_a_fault_is_one_line_on_standard_error_and_exit_2(argv, line, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    out, err = capsys.readouterr()
    last = err.strip().splitlines()[-1]
    assert last.startswith("studio: ") and line in last
    assert out == "" and "Traceback" not in err


@pytest.mark.parametrize(("verb", "rest"), [("check", []), ("tray", []), ("demo-kit", ["x"])])
def test_a_flag_of_the_studio_holds_before_a_verb_as_well(verb, rest):
    assert cli._parser().parse_args(["--workspace", "mine", verb, *rest]).workspace == "mine"
    assert cli._parser().parse_args([verb, *rest]).workspace is None
    for argv in (["--port", "5", "--host", "h", "serve"], ["serve", "--port", "5", "--host", "h"]):
        assert (cli._parser().parse_args(argv).port, cli._parser().parse_args(argv).host) == (5, "h")


def test_a_name_that_the_terminal_cannot_write_is_no_fault(tmp_path):
    kit = tmp_path / "kit"
    main(["demo-kit", str(kit)])
    sounds = sorted(kit.iterdir())
    for each in sounds[1:]:
        each.unlink()
    sounds[0].rename(kit / "kick \u30ad.wav")
    done = subprocess.run([sys.executable, ROOT / "studio.py", "encode", kit, tmp_path / "out"], capture_output=True,
                          env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and b"kick ?.png" in done.stdout


def test_a_stop_is_exit_130(monkeypatch, tmp_path):
    def interrupted(*arguments, **rest):
        raise KeyboardInterrupt

    monkeypatch.setattr("studio.engine.kit.write_demo_kit", interrupted)
    assert main(["demo-kit", str(tmp_path)]) == 130


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(("verb", "kind"), [
    ("encode", settings.MelSettings), ("prepare", settings.PrepareSettings), ("prepare", settings.MelSettings),
    ("train", settings.TrainSettings), ("generate", settings.GenerateSettings),
    ("transform", settings.TransformSettings), ("pretrain", settings.PrepareSettings)])
def test_every_setting_is_a_flag(verb, kind):
    parser = cli._parser()
    of_verb = next(action for action in parser._actions if hasattr(action, "choices") and action.choices
                   and verb in action.choices).choices[verb]
    known = {action.dest for action in of_verb._actions}
    assert {flags.PREFIX + field.name for field in dataclasses.fields(kind)} <= known


def test_the_door_opens_without_loading_torch_for_help():
    code = "import sys; sys.argv = ['studio.py', '--help']\n" \
           "try:\n    from studio.cli import main; main(['--help'])\nexcept SystemExit: pass\n" \
           "sys.exit('torch' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_self_check_answers_for_every_part(capsys, tmp_path):
    assert main(["check", "--workspace", str(tmp_path), "--json"]) == 0
    parts = {part["part"] for part in said(capsys)[0]["parts"]}
    assert {"device", "memory", "disk", "embedded base", "torch", "gradio"} <= parts


def test_a_pytorch_without_cuda_beside_an_nvidia_card_is_told(monkeypatch):
    monkeypatch.setattr(selfcheck.torch.version, "cuda", None)
    monkeypatch.setattr(selfcheck.shutil, "which", {"nvidia-smi": "/usr/bin/nvidia-smi"}.get)
    line = selfcheck._device()
    assert not line.fine and "knows no CUDA" in line.said
    monkeypatch.setattr(selfcheck.shutil, "which", {}.get)
    assert selfcheck._device().fine


def test_a_missing_library_is_one_line_with_its_cure(monkeypatch, capsys):
    monkeypatch.setattr(verbs, "check", lambda arguments: __import__("no_such_library"))
    assert main(["check"]) == 2
    assert "no_such_library is missing in this Python; run: make setup" in capsys.readouterr().err


def test_an_estimate_is_told_and_nothing_is_trained(tmp_path, monkeypatch, capsys):
    found = Estimate(steps=300, seconds_per_step=0.5, seconds=162, memory_bytes=2**30, memory_free_bytes=4 * 2**30)
    monkeypatch.setattr(jobs, "measure", lambda dataset, settings: found)
    assert main(["train", str(tmp_path), "--out", str(tmp_path / "a.safetensors"), "--estimate"]) == 0
    said = capsys.readouterr().out
    assert "300 steps: about 2.7 minutes (0.50 s a step); 1.0 GB of memory, 4.0 GB more are free" in said
    assert not list(tmp_path.iterdir())


def test_the_seconds_of_a_run_that_went_on_leave_the_pause_out():
    told = [{"time": 10.0}, {"time": 20.0, "status": "stopped"}, {"time": 90_000.0, "stage": "resume"},
            {"time": 90_005.0, "status": "done"}]
    assert (verbs._seconds(told[:2]), verbs._seconds(told)) == (10, 5)


def test_another_loras_run_is_not_the_one_to_resume(tmp_path):
    for name in ("kit", "kit_2"):  # the run of kit_2.safetensors, the newer one, is called as kit's second would be
        write_json(tmp_path / f"{name}.run" / "settings.json", {"out": str(tmp_path / f"{name}.safetensors")})
    assert verbs._last_run(tmp_path / "kit.safetensors").name == "kit.run"
    assert verbs._last_run(tmp_path / "kit_2.safetensors").name == "kit_2.run"


@pytest.mark.parametrize("name", ["kick.wav", "mine", "folder.safetensors"])
def test_a_lora_is_written_over_nothing_that_is_none(tmp_path, capsys, name):
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "kick.wav").write_bytes(b"a sound")
    lora = tmp_path / "lora.safetensors"
    for line in (["train", str(tmp_path / "ds"), "--out"], ["export-lora", str(lora), "--format", "kohya"]):
        assert main([*line, str(tmp_path / name)]) == 2
        assert "end in .safetensors" in capsys.readouterr().err
    assert main(["export-lora", str(lora), str(lora), "--format", "kohya"]) == 2
    assert "give another name" in capsys.readouterr().err
    assert (tmp_path / "kick.wav").read_bytes() == b"a sound"


def test_a_start_that_failed_is_not_in_the_way_of_going_on(tmp_path):
    for name, there in (("mine", True), ("mine_2", False)):
        folder = tmp_path / f"{name}.run"
        write_json(folder / "settings.json", {"out": str(tmp_path / "mine.safetensors")})
        if there:
            (folder / "checkpoints" / "step-00000010").mkdir(parents=True)
    assert verbs._last_run(tmp_path / "mine.safetensors").name == "mine.run"
    shutil.rmtree(tmp_path / "mine.run" / "checkpoints")
    for name in ("mine.run", "mine_2.run"):  # else the newer one
        os.utime(tmp_path / name / "settings.json")
        os.utime(tmp_path / ({"mine.run", "mine_2.run"} - {name}).pop() / "settings.json", (1, 1))
        assert verbs._last_run(tmp_path / "mine.safetensors").name == name


@pytest.mark.parametrize("line", [["--port", "99999"], ["--port", "-1"], ["serve", "--port", "99999"],
                                  ["--host", "nonsense.invalid"]])
def test_a_place_that_is_none_is_one_sentence(tmp_path, capsys, line):
    assert main([*line[:1], *line[1:], "--workspace", str(tmp_path)] if line[0] != "serve" else line) == 2
    assert capsys.readouterr().err.startswith("studio: ")


def test_a_workspace_that_cannot_be_is_one_sentence(tmp_path, capsys):
    (tmp_path / "a file").touch()
    assert main(["--workspace", str(tmp_path / "a file"), "--no-browser"]) == 2
    assert "a file: could not be made" in capsys.readouterr().err


def test_a_recording_that_hardly_goes_in_is_told(tmp_path, capsys):
    audio.write(tmp_path / "long.wav", 0.1 * torch.randn(44100 * 4), 44100)
    assert main(["prepare", str(tmp_path / "long.wav"), "--out", str(tmp_path / "ds")]) == 0
    assert "long.wav lasts 4.0 s and only its first 0.99 s went in" in capsys.readouterr().err
