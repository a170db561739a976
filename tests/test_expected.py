import pytest

from studio.expected import expected
from studio.files import write_json
from studio.knobs import as_dict
from studio.progress import Estimate
from studio.runs import Run, Stories
from studio.settings import TrainSettings


def measured(folder, settings, seconds):
    run = Run(folder)
    write_json(folder / "settings.json", {"train": as_dict(settings)})
    run.tell({"stage": "estimate", "step": 5, "total": settings.steps, "note": "", "values": {
        "seconds_per_step": 0.1, "seconds": seconds, "memory_bytes": 2e9, "memory_free_bytes": 9e9}})


def test_without_a_run_of_its_kind_only_what_can_be_counted_is_told(tmp_path):
    measured(tmp_path / "other", TrainSettings(batch_size=2), 0.5)
    write_json(tmp_path / "damaged" / "settings.json", {"train": {"stepz": 3}})
    told = expected(TrainSettings(steps=100, batch_size=8, held_out=0), 20, tmp_path, Stories())
    assert (told.steps, told.times_shown, told.seconds, told.memory_bytes) == (100, 40, None, None)


def test_a_run_of_its_kind_tells_the_time_whatever_its_length(tmp_path):
    measured(tmp_path / "alike", TrainSettings(steps=50, rank=4, seed=3), 25)
    told = expected(TrainSettings(steps=1000), 20, tmp_path, Stories())
    assert told.seconds == pytest.approx(500) and told.memory_bytes == 2e9


def test_what_is_held_out_is_not_learned(tmp_path):
    told = expected(TrainSettings(epochs=10, batch_size=4, held_out=0.25), 40, tmp_path, Stories())
    assert (told.learned, told.steps, told.times_shown) == (30, 75, 10)


def test_what_was_measured_for_it_counts_more_than_an_earlier_run(tmp_path):
    measured(tmp_path / "alike", TrainSettings(), 25)
    told = expected(TrainSettings(steps=100), 20, tmp_path, Stories(), Estimate(50, 0.1, 10, 3e9, 9e9))
    assert told.seconds == pytest.approx(20) and told.memory_bytes == 3e9
