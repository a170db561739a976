"""Riffusion's server, as its web app and its scripts call it."""

import base64
import io
import json
import re
import shutil
import threading
import urllib.request
from pathlib import Path

import numpy
import pytest
import soundfile
import torch
from fastapi.testclient import TestClient
from PIL import Image

from studio.engine import picture
from studio.errors import StudioError
from studio.knobs import from_dict
from studio.serve import app, serve
from studio.settings import MelSettings

GOOD = {"alpha": 0.25, "num_inference_steps": 2, "seed_image_id": "og_beat",
        "start": {"prompt": "kick", "seed": 42, "denoising": 0.75, "guidance": 7.0},
        "end": {"prompt": "snare", "seed": 123, "denoising": 0.75, "guidance": 7.0, "negative_prompt": "hum"}}


@pytest.fixture(scope="module")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny base with a decoder of few rounds."""
    folder = shutil.copytree(tiny_base, tmp_path_factory.mktemp("quick") / "base")
    mel = json.loads((folder / "mel.json").read_text(encoding="utf-8"))
    (folder / "mel.json").write_text(json.dumps({**mel, "iterations": 5}), encoding="utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def client(base: str, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """The server over a folder with a dark-for-loud seed image, a mask, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("workspace") / "seed_images"
    folder.mkdir()
    beat = Image.new("L", (512, 512), 255)
    beat.paste(0, (0, 256, 100, 512))
    beat.convert("P").save(folder / "beat.png")
    Image.new("L", (64, 64), 0).save(folder / "mask_none.png")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder.parent / "secret.png").write_bytes((folder / "beat.png").read_bytes())
    return TestClient(app(base, "cpu", folder))


def changed(**changes: object) -> dict:
    """The good request with fields replaced; dots lead into its ends, and None takes a field out."""
    request = json.loads(json.dumps(GOOD))
    for where, value in changes.items():
        inner, name = (request[where.split("__")[0]], where.split("__")[1]) if "__" in where else (request, where)
        inner[name] = value
        if value is None:
            del inner[name]
    return request


def picture_and_sound(answer: dict) -> tuple[Image.Image, soundfile.SoundFile]:
    kinds = {}
    for name in ("image", "audio"):
        head, data = answer[name].split(",")
        kinds[head] = io.BytesIO(base64.b64decode(data))
    assert list(kinds) == ["data:image/jpeg;base64", "data:audio/mpeg;base64"]
    return Image.open(kinds["data:image/jpeg;base64"]), soundfile.SoundFile(kinds["data:audio/mpeg;base64"])


def test_a_good_request_gets_a_picture_a_sound_and_its_duration(client: TestClient) -> None:
    answer = client.post("/run_inference/", json=GOOD)
    assert answer.status_code == 200
    assert set(answer.json()) == {"image", "audio", "duration_s"}
    image, sound = picture_and_sound(answer.json())
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (128, 128))
    assert sound.samplerate == 44100
    assert answer.json()["duration_s"] == pytest.approx(len(sound) / 44100, abs=0.08)  # MP3 pads to whole frames


def test_the_same_request_gets_the_same_answer_and_alpha_matters(client: TestClient) -> None:
    first, again, further = (client.post("/run_inference/", json=changed(alpha=alpha)).json()
                             for alpha in (0.25, 0.25, 0.75))
    assert first == again
    assert first["image"] != further["image"]


def test_only_what_riffusion_requires_is_required(client: TestClient) -> None:
    least = {"alpha": 0, "num_inference_steps": 1, "start": {"prompt": "", "seed": 0}, "end": {"prompt": "", "seed": 1},
             "something_else": 1}
    assert client.post("/run_inference/", json=least).status_code == 200


def test_a_seed_image_is_what_comes_back_where_the_mask_is_black(client: TestClient) -> None:
    wish = changed(seed_image_id="beat", mask_image_id="mask_none")
    image, _ = picture_and_sound(client.post("/run_inference/", json=wish).json())
    assert image.getpixel((10, 100))[0] < 60  # dark for loud, as it was sent
    assert image.getpixel((100, 20))[0] > 200


def test_a_base_that_draws_loud_dark_sees_and_gives_the_same_pictures(base: str, tmp_path: Path) -> None:
    """As riffusion-model-v1 does. A picture of the studio says for itself which it is."""
    inverted = shutil.copytree(base, tmp_path / "inverted")
    mel = json.loads((inverted / "mel.json").read_text(encoding="utf-8")) | {"inverted": True}
    (inverted / "mel.json").write_text(json.dumps(mel), encoding="utf-8")
    seeds = tmp_path / "seed_images"
    falling = 0.9 * torch.sin(torch.arange(44100) * 0.05) * torch.exp(-torch.arange(44100) / 4000)
    bright, dark = (picture.of_sound(falling, from_dict(MelSettings, mel | {"inverted": way})) for way in (False, True))
    picture.save(seeds / "bright.png", bright)
    picture.save(seeds / "dark.png", dark)
    Image.fromarray(dark.pixels.numpy()).convert("RGB").save(seeds / "theirs.png")
    wish = {"num_inference_steps": 1, "start__denoising": 0, "end__denoising": 0}
    answers = [TestClient(app(str(folder), "cpu", seeds)).post(
        "/run_inference/", json=changed(**wish, seed_image_id=name)).json()
        for folder in (base, inverted) for name in ("bright", "dark", "theirs")]
    for answer in answers:
        image, sound = picture_and_sound(answer)
        assert numpy.abs(numpy.asarray(image)[..., 0].astype(int) - dark.pixels.numpy()).mean() < 3
        energy = [(part**2).sum() for part in numpy.array_split(sound.read(), 3)]
        assert energy[0] > 20 * sum(energy[1:])


@pytest.mark.parametrize(("changes", "named"), [
    ({"alpha": None}, "alpha is missing"),
    ({"alpha": "half"}, "alpha is 'half'"),
    ({"alpha": 3}, "alpha is 3"),
    ({"alpha": True}, "alpha is True"),
    ({"num_inference_steps": 2.5}, "num_inference_steps is 2.5"),
    ({"num_inference_steps": 10**9}, "num_inference_steps"),
    ({"start": None}, "start is missing"),
    ({"end": ["kick"]}, "end is \\['kick'\\]"),
    ({"start__prompt": None}, "start.prompt is missing"),
    ({"start__prompt": 7}, "start.prompt is 7"),
    ({"end__seed": None}, "end.seed is missing"),
    ({"end__seed": "42"}, "end.seed is '42'"),
    ({"end__seed": -1}, "end.seed is -1"),
    ({"end__denoising": 1.5}, "end.denoising is 1.5"),
    ({"start__negative_prompt": {}}, "start.negative_prompt"),
    ({"seed_image_id": "unknown"}, "seed_image_id is 'unknown', .*beat"),
    ({"seed_image_id": "../secret"}, "seed_image_id is '../secret'"),
    ({"seed_image_id": "/etc/passwd"}, "seed_image_id"),
    ({"seed_image_id": "broken"}, "could not be read as a picture"),
    ({"seed_image_id": "beat", "mask_image_id": "../secret"}, "mask_image_id is '../secret'"),
    ({"seed_image_id": "beat", "mask_image_id": "broken"}, "is no picture"),
    ({"mask_image_id": "mask_none"}, "mask_image_id is 'mask_none', but there is no 'og_beat'"),
])
def test_a_bad_request_is_400_with_one_sentence(client: TestClient, changes: dict, named: str) -> None:
    answer = client.post("/run_inference/", json=changed(**changes))
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.search(named, answer.text), answer.text
    assert "\n" not in answer.text


def test_guidance_of_nothing_is_none_as_guidance_of_one_is(client: TestClient) -> None:
    none, one, more = (client.post("/run_inference/", json=changed(start__guidance=guidance, end__guidance=guidance))
                       .json()["image"] for guidance in (0.0, 1.0, 7.0))
    assert none == one != more


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'{"alpha": NaN}', b"\xff\xfe", b" " * (2 << 20)])
def test_a_body_that_is_no_request_is_400(client: TestClient, body: bytes) -> None:
    assert client.post("/run_inference/", content=body).status_code == 400


def test_a_page_of_the_wide_web_gets_no_leave_to_read(client: TestClient) -> None:
    for origin, allowed in (("http://localhost:3000", True), ("https://example.org", False),
                            ("http://localhost.example.org", False)):
        answer = client.options("/run_inference/", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert ("access-control-allow-origin" in answer.headers) == allowed
        asked = client.post("/run_inference/", content=b"no wish", headers={"Origin": origin})
        assert asked.status_code == (400 if allowed else 403)


def test_a_base_that_is_not_there_is_told_before_the_first_request(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="base"):
        app(str(tmp_path), "cpu")


def test_the_server_answers_at_the_address_it_tells_and_a_taken_port_is_one_sentence(base: str, tmp_path: Path) -> None:
    told, is_ready = [], threading.Event()

    def ready(address: str) -> None:
        told.append(address)
        is_ready.set()

    threading.Thread(target=serve, args=("127.0.0.1", 0, base, "cpu", ready, tmp_path), daemon=True).start()
    assert is_ready.wait(60)
    request = urllib.request.Request(f"{told[0]}/run_inference/", data=json.dumps(GOOD).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["duration_s"] > 0.9
    with pytest.raises(StudioError, match="port"):
        serve("127.0.0.1", int(told[0].rsplit(":", 1)[1]), base, "cpu")
