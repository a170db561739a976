"""What a training is shown: latents from disk, captions, and which of them come at a step by the seed alone."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from studio.dial import held_out_of
from studio.engine import dataset
from studio.engine.models import Base
from studio.engine.training import latents_cache, together
from studio.engine.training.augmentation import AS_IT_IS, variants_of
from studio.engine.training.latents_cache import Latents
from studio.errors import StudioError
from studio.files import sha1_of
from studio.progress import Report, silent
from studio.settings import OneShot, TrainSettings

STATES_AT_MOST = 256 * 2**20  # bytes of encoded captions that are kept; beyond, they are encoded as they come
ENCODED_AT_ONCE = 64  # captions


@dataclass(frozen=True)
class Batch:
    """A process's share of a batch: n noisy sounds to be, with the states (n, tokens, width) of their captions."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    states: Tensor


class Kit:
    """The sounds of a dataset that are in use, each once, with what training makes of weights and captions.

    learned, held : rows of `sounds` that are trained on and that are kept apart
    order         : `learned`, each as often as its weight says
    """

    def __init__(self, folder: Path, settings: TrainSettings) -> None:
        self.dataset = dataset.load(folder)
        shown = dataset.shown(self.dataset, settings.roles)
        self.sounds: list[OneShot] = list({shot.file_name: shot for shot in shown}.values())
        row_of = {shot.file_name: row for row, shot in enumerate(self.sounds)}
        self.held = _held_out(len(self.sounds), settings)
        apart = set(self.held)
        self.learned = [row for row in range(len(self.sounds)) if row not in apart]
        self.order = torch.tensor([row for row in (row_of[shot.file_name] for shot in shown) if row not in apart])
        self.captions = [" ".join(f"{settings.trigger} {shot.text}".split()) for shot in self.sounds]

    def tags(self) -> dict[str, int]:
        """Captions with how many of the learned sounds have them, the most frequent first."""
        return dict(Counter(self.captions[row] for row in self.learned).most_common())


def _held_out(count: int, settings: TrainSettings) -> list[int]:
    """The sounds kept apart, the same ones for the same seed."""
    chance = torch.Generator().manual_seed(settings.seed * 65_537 + count)
    return sorted(torch.randperm(count, generator=chance)[: held_out_of(settings, count)].tolist())


def _sha1(path: Path) -> str:
    sha1 = sha1_of(path)
    if not sha1:
        raise StudioError(f"{path}: vanished from the dataset while it was read; prepare the same sounds into it again")
    return sha1


class Material:
    """A kit, encoded: hands out batches."""

    def __init__(self, base: Base, kit: Kit, settings: TrainSettings, run_folder: Path, accelerator: Accelerator,
                 timesteps: int, *, report: Report = silent) -> None:
        """Encode what is not on disk yet. timesteps : how many the noise schedule has."""
        self.base, self.kit, self.settings, self.accelerator = base, kit, settings, accelerator
        self.timesteps, self.text_encoder = timesteps, base.pipeline.text_encoder
        folder, mel = kit.dataset.folder, kit.dataset.mel
        sha1s = {shot.file_name: _sha1(folder / shot.file_name) for shot in kit.dataset.one_shots}
        wanted, keys = {}, []
        for shot in kit.sounds:
            sha1 = sha1s[shot.file_name]
            variants = variants_of(sha1, mel, settings)
            keys += [latents_cache.key_of(sha1, variant) for variant in variants]
            wanted |= {latents_cache.key_of(sha1, variant): (shot, variant) for variant in variants}
        others = [latents_cache.key_of(sha1, AS_IT_IS) for sha1 in sha1s.values()]  # for a run that enables them again
        path = together.on_main(accelerator, lambda: latents_cache.ensure(
            base, folder, mel, wanted, others, run_folder, report=report))
        self.stored = Latents(path)
        self.places = self.stored.places(keys).view(len(kit.sounds), -1)  # (sounds, variants) rows of the file
        self._epoch, self._shuffled = -1, kit.order
        self._encode_captions()

    @torch.no_grad()
    def _encode_captions(self) -> None:
        captions = ["", *sorted(set(self.kit.captions))]
        row_of = {caption: row for row, caption in enumerate(captions)}
        self.caption_of = torch.tensor([row_of[caption] for caption in self.kit.captions])
        tokenizer, encoder = self.base.pipeline.tokenizer, self.base.pipeline.text_encoder
        self.tokens = tokenizer(captions, padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
                                return_tensors="pt").input_ids
        size = self.tokens.numel() * encoder.config.hidden_size * self.base.dtype.itemsize
        self.states = None if self.settings.text_encoder or size > STATES_AT_MOST else torch.cat(
            [encoder(each.to(self.base.device))[0] for each in self.tokens.split(ENCODED_AT_ONCE)])

    def batch(self, step: int, part: int) -> Batch:
        """This process's share of part `part` of step `step`, drawn from (seed, step, part) alone."""
        settings, processes = self.settings, self.accelerator.num_processes
        whole = settings.batch_size * processes
        first = self.accelerator.process_index * settings.batch_size
        mine = slice(first, first + settings.batch_size)
        count = step * settings.gradient_accumulation + part
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + count)
        sounds = torch.stack([self._shown(count * whole + place) for place in range(whole)])
        noise = torch.randn((whole, *self.latents_shape), generator=chance)
        noise += settings.noise_offset * torch.randn((whole, noise.shape[1], 1, 1), generator=chance)
        # one timestep from each equal part of the range: the loss jumps less from step to step
        places = (torch.arange(whole) + torch.rand(whole, generator=chance)) / whole
        timesteps = (places[torch.randperm(whole, generator=chance)] * self.timesteps).long()
        dropped = torch.rand(whole, generator=chance) < settings.caption_dropout
        variants = torch.randint(self.places.shape[1], (whole,), generator=chance)
        captions = torch.where(dropped, 0, self.caption_of[sounds])[mine]
        latents = self.stored.latents(self.places[sounds[mine], variants[mine]])
        device = self.base.device
        return Batch(latents.to(device), noise[mine].to(device), timesteps[mine].to(device), self.states_of(captions))

    @property
    def latents_shape(self) -> tuple[int, ...]:
        """Of one sound: (channels, h, w)."""
        mel, pipeline = self.kit.dataset.mel, self.base.pipeline
        size = pipeline.vae_scale_factor
        return pipeline.unet.config.in_channels, mel.n_mels // size, mel.n_frames // size

    def _shown(self, place: int) -> Tensor:
        """The sound at this place of an endless row of shuffled epochs."""
        epoch, within = divmod(place, len(self.kit.order))
        if epoch != self._epoch:
            chance = torch.Generator().manual_seed(self.settings.seed * 7919 + epoch)
            self._epoch, self._shuffled = epoch, self.kit.order[torch.randperm(len(self.kit.order), generator=chance)]
        return self._shuffled[within]

    def states_of(self, captions: Tensor) -> Tensor:
        """The text encoder's states for rows of `tokens`, with gradients where it learns."""
        if self.states is not None:
            return self.states[captions.to(self.states.device)]
        learns = self.settings.text_encoder and torch.is_grad_enabled()
        # the wrapped one talks to the other processes, which in a check of the first one do not listen
        encoder = self.text_encoder if learns else self.base.pipeline.text_encoder
        with torch.set_grad_enabled(learns):
            return encoder(self.tokens[captions].to(self.base.device))[0]
