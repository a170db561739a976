"""Only what exists is offered, and the number format is one that works there."""

import pytest
import torch

from studio.engine import devices
from studio.engine.base import course
from studio.errors import StudioError


def test_only_what_exists_is_offered_and_the_cpu_always_does():
    found = devices.available()
    assert found[-1] == "cpu"
    assert ("cuda" in found) == torch.cuda.is_available()
    assert devices.choose().type == found[0]


def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    missing = next(name for name in ("cuda", "mps") if name not in devices.available())
    with pytest.raises(StudioError, match=f"device is '{missing}'.*cpu"):
        devices.choose(missing)


def test_number_formats_are_safe_on_each_device():
    cpu, mps, cuda = torch.device("cpu"), torch.device("mps"), torch.device("cuda")
    assert devices.dtype_for(cpu) == devices.dtype_for(mps) == torch.float32
    assert devices.dtype_for(cuda, "fp16") == torch.float16
    assert devices.dtype_for(cuda, "no") == torch.float32
    for device, wanted in ((cpu, "fp16"), (mps, "fp16"), (mps, "bf16")):
        with pytest.raises(StudioError, match=f"'{wanted}', which {device.type} does not do safely"):
            devices.dtype_for(device, wanted)


@pytest.mark.parametrize(("name", "does", "chosen"), [
    ("NVIDIA GeForce RTX 3060", True, torch.bfloat16), ("NVIDIA GeForce RTX 2070", False, torch.float16),
    ("NVIDIA GeForce GTX 1660 Ti", False, torch.float32)])
def test_a_card_that_only_emulates_bf16_takes_fp16_where_that_is_safe(monkeypatch, name, does, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or does)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert devices.dtype_for(torch.device("cuda")) == chosen


def test_audio_maths_of_mps_runs_on_the_cpu():
    assert devices.for_audio(torch.device("mps")).type == "cpu"
    assert devices.for_audio(torch.device("cuda")).type == "cuda"


def test_a_base_is_never_trained_in_fp16(monkeypatch):
    with pytest.raises(StudioError, match="'fp16', in which a base's small gradients vanish"):
        course._enough("cpu", "fp16")
    assert course._enough("cpu", "auto") == "auto" and course._enough("cpu", "bf16") == "bf16"
    monkeypatch.setattr(devices, "dtype_for", lambda device, wanted: torch.float16)  # as on a card before Ampere
    assert course._enough("cpu", "auto") == "no"
