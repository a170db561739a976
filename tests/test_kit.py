"""The demo kit: sounds for someone without any."""

import soundfile

from studio.engine.kit import write_demo_kit


def test_the_demo_kit_is_written_as_24_bit_and_is_the_same_each_time(tmp_path):
    paths = write_demo_kit(tmp_path / "one")
    again = write_demo_kit(tmp_path / "two")
    assert len(paths) >= 20
    assert {soundfile.info(path).subtype for path in paths} == {"PCM_24"}
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
