"""Riffusion's inference server, answered by the studio: its old web app and scripts run on, with any of our bases.

`POST /run_inference/` takes and gives the JSON of riffusion-hobby's `riffusion/server.py` (`InferenceInput` and
`InferenceOutput`); what cannot be done is answered with 400 and one sentence.
"""

import base64
import io
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import soundfile
import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from studio.engine import audio, denoising, masks, picture
from studio.engine.latents import noise_for, pixels_from_latents, sound_from_pixels
from studio.engine.models import Base, check_fits, load_base
from studio.engine.prompts import guides
from studio.engine.transform import repaint
from studio.engine.way import slerp
from studio.errors import StudioError
from studio.settings import MelSettings, TransformSettings
from studio.workspace import workspace

HOST, PORT = "127.0.0.1", 3013  # Riffusion's own
LOCAL = ("127.0.0.1", "localhost")
DEFAULT_SEED_IMAGE = "og_beat"  # what Riffusion takes where a request names none
MOST_BYTES = 1 << 20  # of a request
MP3_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
PAGES_NEARBY = r"https?://(localhost|127\.0\.0\.1)(:\d+)?"  # the old web app; no page of the wide web


def serve(host: str = HOST, port: int = PORT, base: str = "embedded", device: str = "auto",
          ready: Callable[[str], None] = lambda url: None, seed_images: Path | None = None) -> None:
    """Answer requests until interrupted; `ready` is called once with the server's address. Port 0 takes a free one.

    Raises StudioError for a base that does not work and a port that is taken.
    """
    answering = app(base, device, seed_images)
    if host in LOCAL:  # a name of the wide web that means this machine is not meant
        answering.add_middleware(TrustedHostMiddleware, allowed_hosts=LOCAL)
    try:
        listening = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise StudioError(f"port {port} on {host} could not be opened ({getattr(error, 'strerror', None) or error}); "
                          "give another one, or 0 for any that is free") from error
    address = f"http://{host}:{listening.getsockname()[1]}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            ready(address)

    Server(uvicorn.Config(answering, log_level="warning")).run(sockets=[listening])


def app(base: str = "embedded", device: str = "auto", seed_images: Path | None = None) -> FastAPI:
    """The server as an ASGI app; the base is loaded at once, so that a wrong one is told before the first request.

    seed_images : folder of the pictures that `seed_image_id` and `mask_image_id` name (ID.png); None takes
                  "seed_images" in the workspace. Where "og_beat", which requests name when they name none, is not
                  there, the sound is made from noise alone and `denoising` counts for nothing.
    """
    folder = seed_images or workspace().seed_images
    load_base(base, device)
    answering = FastAPI(title="One-Shot Studio: Riffusion's server", docs_url=None, redoc_url=None)
    answering.add_middleware(CORSMiddleware, allow_origin_regex=PAGES_NEARBY, allow_methods=["POST"],
                             allow_headers=["Content-Type"])
    one_at_a_time = threading.Lock()  # the pipeline holds the scheduler's state

    def answer(body: bytes) -> dict[str, Any]:
        wish = _wish(body)
        with one_at_a_time:
            return _made(load_base(base, device), wish, folder)

    @answering.post("/run_inference/")
    async def run_inference(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and not re.fullmatch(PAGES_NEARBY, origin):  # CORS only keeps the answer from it
            return PlainTextResponse("asked by another site's page", status_code=403)
        try:
            return JSONResponse(await run_in_threadpool(answer, await _body(request)))
        except StudioError as error:
            return PlainTextResponse(str(error), status_code=400)

    return answering


# --------------------------------------------------------------------------------------------------------- the request
@dataclass(frozen=True)
class End:
    """One end of the way: Riffusion's `PromptInput`."""

    prompt: str
    seed: int
    negative_prompt: str
    denoising: float
    guidance: float


@dataclass(frozen=True)
class Wish:
    """A request: Riffusion's `InferenceInput`."""

    start: End
    end: End
    alpha: float
    steps: int
    seed_image_id: str
    mask_image_id: str | None


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise StudioError(f"the request is over {MOST_BYTES >> 20} MiB; send the JSON of run_inference alone")
    return body


def _wish(body: bytes) -> Wish:
    """Read a request. Raises StudioError naming the field that is missing or wrong; unknown fields are ignored."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise StudioError("the request is not valid JSON; send an object with start, end and alpha") from error
    if not isinstance(data, Mapping):
        raise StudioError(f"the request is a JSON {type(data).__name__}; send an object with start, end and alpha")
    return Wish(
        start=_end(data, "start"), end=_end(data, "end"), alpha=_number(data, "alpha", "alpha", None, 0, 1),
        steps=int(_number(data, "num_inference_steps", "num_inference_steps", 50, 1, 200, whole=True)),
        seed_image_id=_text(data, "seed_image_id", "seed_image_id", DEFAULT_SEED_IMAGE) or DEFAULT_SEED_IMAGE,
        mask_image_id=_text(data, "mask_image_id", "mask_image_id", "") or None)


def _end(data: Mapping[str, Any], name: str) -> End:
    end = data.get(name)
    if not isinstance(end, Mapping):
        raise StudioError(f"{name} is {_shown(end)}; send an object with prompt and seed")
    return End(prompt=_text(end, "prompt", f"{name}.prompt", None),
               seed=int(_number(end, "seed", f"{name}.seed", None, 0, 2**63 - 1, whole=True)),
               negative_prompt=_text(end, "negative_prompt", f"{name}.negative_prompt", ""),
               denoising=_number(end, "denoising", f"{name}.denoising", 0.75, 0, 1),
               guidance=_number(end, "guidance", f"{name}.guidance", 7.0, 0, 30))


def _text(data: Mapping[str, Any], key: str, where: str, default: str | None) -> str:
    """A string of the request; null counts as left out. A `default` of None makes it required."""
    value = data.get(key)
    value = default if value is None else value
    if not isinstance(value, str):
        raise StudioError(f"{where} is {_shown(value)}; send a text")
    return value


def _number(data: Mapping[str, Any], key: str, where: str, default: float | None, low: float, high: float, *,
            whole: bool = False) -> float:
    value = data.get(key)
    value = default if value is None else value
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise StudioError(f"{where} is {_shown(value)}; send {kind} from {low:g} to {high:g}")
    return value


def _shown(value: Any) -> str:
    """A value for a sentence, cut short; None is a field that is not there."""
    return "missing" if value is None else repr(value)[:60]


# ---------------------------------------------------------------------------------------------------------- the answer
def _made(base: Base, wish: Wish, folder: Path) -> dict[str, Any]:
    """Riffusion's interpolation: everything travels in a straight line, noise on the sphere, at `alpha`."""
    mel, alpha = base.mel, wish.alpha
    check_fits(base, mel)
    seed_image = _seed_image(folder, wish.seed_image_id, mel)
    anew = None if wish.mask_image_id is None else _scaled(
        masks.read(_named(folder, "mask_image_id", wish.mask_image_id)), (mel.n_mels, mel.n_frames))
    words = torch.lerp(*(guides(base, [end.prompt], [end.negative_prompt]) for end in (wish.start, wish.end)),
                        alpha)
    noise = slerp(*(noise_for(base, mel, [end.seed]) for end in (wish.start, wish.end)), alpha)
    guidance = wish.start.guidance + alpha * (wish.end.guidance - wish.start.guidance)
    settings = TransformSettings(
        strength=wish.start.denoising + alpha * (wish.end.denoising - wish.start.denoising), steps=wish.steps,
        guidance=guidance or 1.0)  # 0 is none there; here 1 is, and 0 leaves it to the studio
    if seed_image is not None:
        pixels = repaint(base, seed_image[None], noise, words, settings, stereo=mel.stereo,
                         anew=None if anew is None else anew[None])
    elif anew is not None:
        raise StudioError(f"mask_image_id is {wish.mask_image_id!r}, but there is no {wish.seed_image_id!r} "
                          f"to keep anything of; put one into {folder.name}/ or leave the mask out")
    else:
        pixels = pixels_from_latents(base, denoising.denoise(base, noise, words, settings))
    waveform = sound_from_pixels(pixels, mel)[0]
    image, sound = _jpeg(_turned(pixels[0], mel)), _mp3(waveform, mel.sample_rate)
    return {"image": image, "audio": sound, "duration_s": mel.duration}


def _named(folder: Path, field: str, name: str) -> Path:
    """The picture that a request names. Raises StudioError for one that is not there, or that is a path."""
    if not re.fullmatch(r"[\w-]{1,100}", name):
        raise StudioError(f"{field} is {name[:60]!r}; send the name of a picture, without folder and ending")
    path = folder / f"{name}.png"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.png"))[:12]) or "none"
        raise StudioError(f"{field} is {name!r}, which is not in {folder.name}/; there are: {known}")
    return path


def _seed_image(folder: Path, name: str, mel: MelSettings) -> Tensor | None:
    """The picture to begin from, (n_mels, n_frames) float 0…255 as `mel` draws it; None where og_beat is not there.

    A PNG of the studio says which it is; any other counts as Riffusion's, which is dark for loud.
    """
    if name == DEFAULT_SEED_IMAGE and not (folder / f"{name}.png").is_file():
        return None
    path = _named(folder, "seed_image_id", name)
    try:
        with Image.open(path) as image:
            ours = picture.CHUNK in getattr(image, "text", {})
            levels = torch.from_numpy(numpy.array(image.convert("RGB"), dtype=numpy.float32)[..., 0])
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise StudioError(f"seed_image_id is {name!r}, which could not be read as a picture; "
                          "save it anew as PNG") from error
    loud = _turned(levels, picture.load(path).mel) if ours else 255 - levels
    return _scaled(_turned(loud, mel), (mel.n_mels, mel.n_frames))


def _turned(levels: Tensor, mel: MelSettings) -> Tensor:
    """A picture as `mel` draws it from one that is bright for loud, and the other way round."""
    return 255 - levels if mel.inverted else levels


def _scaled(levels: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.nn.functional.interpolate(levels[None, None], size=size, mode="bilinear", antialias=True)[0, 0]


def _jpeg(pixels: Tensor) -> str:
    """A picture that is bright for loud as Riffusion shows it, dark for loud and RGB, as a data URL."""
    grey = (255 - pixels.round().clamp(0, 255)).to(torch.uint8).cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(file, format="JPEG", quality=95)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _mp3(waveform: Tensor, sample_rate: int) -> str:
    """A sound as a data URL; rates that MP3 does not have become the nearest lower one."""
    rate = next((each for each in MP3_RATES if each <= sample_rate), MP3_RATES[-1])
    file = io.BytesIO()
    soundfile.write(file, audio.resample(waveform, sample_rate, rate).numpy(), rate, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
