"""The verbs that make sounds of sounds and words, from the command line to the files."""

import json

import pytest
import soundfile
import torch

from studio.cli import main
from studio.engine import audio

RATE = 44100


@pytest.fixture
def quick(quick_base):
    """Flags for a sound of weights like dice in a moment."""
    return ["--base", str(quick_base), "--device", "cpu", "--steps", "2", "--seed", "3"]


def said(capsys):
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


@pytest.fixture
def snare(tmp_path):
    """A sound file of 0.4 s."""
    time = torch.arange(round(0.4 * RATE)) / RATE
    audio.write(tmp_path / "snare.wav", 0.5 * torch.exp(-9 * time) * torch.sin(2 * torch.pi * 200 * time), RATE)
    return tmp_path / "snare.wav"


def test_transform_writes_a_sound_as_long_as_the_one_it_was_given(snare, quick, tmp_path, capsys):
    out = tmp_path / "out.wav"
    assert main(["transform", str(snare), str(out), "--prompt", "clap", "--strength", "0.5", *quick, "--json"]) == 0
    assert said(capsys) == {"file": str(out)}
    assert soundfile.info(out).frames == round(0.4 * RATE) and soundfile.info(out).subtype == "PCM_24"


def test_what_lies_below_repaint_above_stays(snare, quick, tmp_path):
    out = tmp_path / "out.wav"
    assert main(["transform", str(snare), str(out), "--repaint-above", "5000", *quick]) == 0
    before, after = (torch.fft.rfft(audio.read(path)[0][0]).abs().square() for path in (snare, out))
    low, high = slice(0, round(1000 * 0.4)), slice(round(6000 * 0.4), None)  # under 1 kHz, over 6
    assert float(after[low].sum()) == pytest.approx(float(before[low].sum()), rel=0.1)
    assert after[high].sum() > 10 * before[high].sum()


def test_morph_writes_as_many_sounds_as_were_asked_for(quick, tmp_path, capsys):
    line = ["morph", "--from", "kick", "--via", "tom", "--to", "snare", "--count", "3", "--out", str(tmp_path / "way")]
    assert main([*line, *quick, "--json"]) == 0
    takes = said(capsys)["takes"]
    assert len(takes) == 3 == len(list((tmp_path / "way").glob("*.wav")))
    assert "kick" in takes[0]["prompt"] and "snare" in takes[-1]["prompt"]


def test_track_writes_as_many_bars_as_were_asked_for(quick, tmp_path, capsys):
    out = tmp_path / "loop.wav"
    assert main(["track", "--prompt", "shaker", "--to", "hat", "--bpm", "120", "--bars", "1", "--loop", "--out",
                 str(out), *quick, "--json"]) == 0
    assert said(capsys) == {"file": str(out)}
    assert soundfile.info(out).frames == 2 * RATE


def test_generate_makes_every_entry_of_a_batch_file(quick, tmp_path, capsys):
    entries = [{"prompt": "kick", "seed": 5}, {"prompt": "clap", "seed": 6}]
    (tmp_path / "wishes.json").write_text(json.dumps({"params": {"num_inference_steps": 1}, "entries": entries}))
    assert main(["generate", "--batch", str(tmp_path / "wishes.json"), "--out", str(tmp_path / "takes"), "--count",
                 "1", *quick, "--json"]) == 0
    assert [{key: take[key] for key in ("prompt", "seed")} for take in said(capsys)["takes"]] == entries


def test_split_hands_on_where_and_on_what(snare, tmp_path, monkeypatch, capsys):
    """Its own tests take a mix apart with a small model; the real one is a download."""
    asked = []
    monkeypatch.setattr("studio.engine.stems.split", lambda *given, device, report: asked.append((*given, device)) or
                        [tmp_path / "drums.wav"])
    assert main(["split", str(snare), str(tmp_path / "stems"), "--device", "cpu"]) == 0
    assert asked == [(snare, tmp_path / "stems", "cpu")]
    assert capsys.readouterr().out.split() == [str(tmp_path / "drums.wav")]


def test_serve_answers_where_it_was_asked_to(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("studio.serve.serve", lambda *given, **rest: asked.append(given))
    assert main(["--workspace", str(tmp_path), "serve", "--port", "3999", "--device", "cpu"]) == 0
    assert main(["--workspace", str(tmp_path), "serve"]) == 0
    assert asked == [("127.0.0.1", 3999, "embedded", "cpu"), ("127.0.0.1", 3013, "embedded", "auto")]
