"""The picture half of the base: a small variational autoencoder (Kingma & Welling 2014; Rombach et al. 2022)."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn

from studio.engine.base import critic
from studio.engine.base.course import Budget, Course
from studio.engine.base.ear import Ear
from studio.engine.base.material import floats
from studio.engine.base.plan import Plan
from studio.progress import Report, silent

WHOLE_FROM = 0.8  # share of the training after which crops give way to whole pictures, as in use
FOLD_CLIPS = 2000
NORMAL = 1e-4  # pull of the latents toward a normal; with 1e-3 half of eight channels were noise after 1,300 steps
LATENT_NOISE = 0.08  # deviation, while the decoder alone learns: a UNet's latents are not exact either
BASS_ROWS = 8.0  # how fast an error counts less, from the lowest row up
BLACKER = -1.02  # what black pixels (-1) should come back as or below, so that silence is exact after clipping


def build(plan: Plan) -> AutoencoderKL:
    """An untrained autoencoder that halves the picture three times, into `latent_channels` of latents."""
    levels = len(plan.vae_channels)
    vae = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels,
                        up_block_types=("UpDecoderBlock2D",) * levels, block_out_channels=plan.vae_channels,
                        layers_per_block=1, latent_channels=plan.latent_channels, norm_num_groups=plan.vae_groups,
                        sample_size=plan.mel.n_mels, scaling_factor=1.0, force_upcast=False)
    vae.set_attn_processor(AttnProcessor())  # the backward of fused attention is slow on a CPU
    return vae


def train(pixels: Tensor, file: Path, plan: Plan, *, report: Report = silent) -> AutoencoderKL:
    """Train on pictures (n, n_mels, n_frames) uint8, checkpointing to `file`; returns it folded, see `fold`."""
    torch.manual_seed(plan.seed)
    vae = build(plan)
    budget = Budget(plan.vae_minutes, plan.vae_steps, plan.vae_learning_rate, 0.03, plan.warmup_steps,
                    plan.checkpoint_minutes)
    course = Course("vae", nn.ModuleDict(dict(vae=vae)), budget, plan.fixed(), seed=plan.seed, device=plan.device,
                    precision=plan.mixed_precision)

    def loss_of(course: Course) -> Tensor:
        whole = course.done >= WHOLE_FROM
        return loss(vae, batch(pixels, plan, course.dice, whole=whole).to(course.device), course.dice)

    course.run(loss_of, file, report=report)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(plan.seed))[:FOLD_CLIPS]
    return fold(vae, pixels[order])


def refine(vae: AutoencoderKL, latents: Tensor, pixels: Tensor, ear: Ear, file: Path, plan: Plan, *,
           report: Report = silent) -> AutoencoderKL:
    """Train a finished autoencoder's decoder further, against a critic of its grain, checkpointing to `file`.

    `ear` asks that a copy be heard as what the picture is. The encoder stays as it is, and with it the latents
    (n, channels, rows, frames) of the pictures: a UNet that was trained on them stays right.
    """
    vae.requires_grad_(False).set_attn_processor(AttnProcessor())
    ear.requires_grad_(False)
    torch.manual_seed(plan.seed)
    half = nn.ModuleDict(dict(decoder=vae.decoder, post_quant_conv=vae.post_quant_conv)).requires_grad_(True)
    half["critic"] = critic.build()
    budget = Budget(plan.decoder_minutes, plan.decoder_steps, plan.decoder_learning_rate, 0.02, plan.warmup_steps,
                    plan.checkpoint_minutes)
    course = Course("decoder", half, budget, plan.fixed(), seed=plan.seed, device=plan.device,
                    precision=plan.mixed_precision)

    def loss_of(course: Course) -> Tensor:
        clips = torch.randint(len(pixels), (plan.decoder_batch,), generator=course.dice)
        clean = latents[clips].float()
        noisy = clean + LATENT_NOISE * torch.randn(clean.shape, generator=course.dice)
        pictures = floats(pixels[clips]).to(course.device)
        copies = vae.decode(noisy.to(course.device)).sample.float()
        # what is dead silent all around is no grain to judge, and may be darker than black
        picture, heard = pictures[:, :1], nn.functional.max_pool2d(pictures[:, :1], 5, stride=1, padding=2) > -1
        copy = torch.where(heard, copies.mean(1, keepdim=True).clamp_min(-1), -1.0)
        grain = torch.where(noise_like(picture), copy, picture)  # elsewhere a critic would have pure tones roughened
        for_maker, for_critic = critic.losses(half["critic"], picture, grain)
        return (distance(copies, pictures) + plan.decoder_bass * bass_distance(copy, picture)
                + plan.decoder_ear * ear.off(copy, picture) + plan.decoder_critic * for_maker + for_critic)

    course.run(loss_of, file, report=report)
    return vae


def batch(pixels: Tensor, plan: Plan, dice: torch.Generator, *, whole: bool) -> Tensor:
    """A batch of crops, or of fewer whole pictures of the same area, changed at random: (n, 3, rows, frames)."""
    rows, frames = (plan.mel.n_mels, plan.mel.n_frames) if whole else (plan.vae_crop, plan.vae_crop)
    n = max(1, round(plan.vae_batch * plan.vae_crop**2 / (rows * frames)))
    draw = torch.rand(n, 4, generator=dice)
    clips = torch.randint(len(pixels), (n, 2), generator=dice)
    top = (draw[:, 0] * (plan.mel.n_mels - rows + 1)).long().tolist()
    # squared, so that most crops hold the attack, where most of a drum is
    left = (draw[:, 1] ** 2 * (plan.mel.n_frames - frames + 1)).long().tolist()
    cut = torch.stack([pixels[pair, y : y + rows, x : x + frames]
                       for pair, y, x in zip(clips, top, left, strict=True)]).float() / 255
    mixed = torch.where(draw[:, 2, None, None] < 0.25, torch.maximum(cut[:, 0], cut[:, 1]), cut[:, 0])
    return (2 * vary(mixed, dice) - 1)[:, None].expand(-1, 3, -1, -1)


def vary(levels: Tensor, dice: torch.Generator) -> Tensor:
    """Level and tilt changed at random, for pictures (n, rows, frames) in 0…1; what is silent stays silent."""
    draw = torch.rand(len(levels), 4, generator=dice)
    gain = -0.35 * draw[:, 0] * (draw[:, 1] < 0.5)
    tilt = 0.6 * (draw[:, 2] - 0.5) * (draw[:, 3] < 0.5)
    slope = torch.linspace(-0.5, 0.5, levels.shape[1])
    changed = levels + gain[:, None, None] + tilt[:, None, None] * slope[None, :, None]
    return torch.where(levels > 0, changed.clamp(0, 1), levels)


def loss(vae: AutoencoderKL, pictures: Tensor, dice: torch.Generator) -> Tensor:
    """How far the autoencoder's copy is from the pictures, with a little pull of the latents toward a normal."""
    latents = vae.encode(pictures).latent_dist
    noise = torch.randn(latents.mean.shape, generator=dice).to(latents.mean)
    copies = vae.decode(latents.mean + latents.std * noise).sample.float()
    kl = 0.5 * (latents.mean.square() + latents.var - 1 - latents.logvar).mean()
    return distance(copies, pictures) + NORMAL * kl


def distance(copies: Tensor, pictures: Tensor) -> Tensor:
    """How far copies are from pictures, both (n, 3, rows, frames) in [-1, 1].

    Loud pixels weigh more than those near silence. L1 and L2 alone are best served by a blur wherever the grain of a
    noise cannot be told; the local contrast and the steps between neighbours ask for a grain of the right strength.
    """
    silent_pixels, weights = pictures <= -1, 0.8 + 0.5 * pictures
    pictures = torch.where(silent_pixels, BLACKER, pictures)
    copies = torch.where(silent_pixels & (copies < BLACKER), BLACKER, copies)  # darker than black is right too
    off = copies - pictures
    copy, picture = copies.mean(1, keepdim=True), pictures[:, :1]
    contrast = (local_contrast(copy) - local_contrast(picture)).abs().mean()
    edges = sum((copy.diff(dim=dim) - picture.diff(dim=dim)).abs().mean() for dim in (2, 3))
    return (weights * (off.abs() + 0.5 * off.square())).mean() + 0.3 * contrast + 0.1 * edges


def bass_distance(copies: Tensor, pictures: Tensor) -> Tensor:
    """How far copies are where it is loud, four times as much at the lowest row: (n, 1, rows, frames) in [-1, 1].

    The pitch of a kick is one bright row or its neighbour, a hundredth of its picture.
    """
    rows = pictures.shape[2]
    heights = torch.arange(rows - 1, -1, -1, device=pictures.device)[:, None]
    loud = ((pictures + 1) / 2).square() * (1 + 3 * torch.exp(-heights / BASS_ROWS))
    return (loud * (copies - pictures).abs()).mean()


def local_contrast(pictures: Tensor, size: int = 5) -> Tensor:
    """Standard deviation within size × size pixels of (n, 1, rows, frames) pictures."""
    mean = nn.functional.avg_pool2d(pictures, size, stride=1)
    square = nn.functional.avg_pool2d(pictures.square(), size, stride=1)
    return ((square - mean.square()).clamp_min(0) + 1e-4).sqrt()


def noise_like(pictures: Tensor) -> Tensor:
    """Where pictures (n, 1, rows, frames) in [-1, 1] sound all around and are level over 7×7 pixels, as bool.

    The wash of snares and cymbals; neither tones nor silence.
    """
    sounding = -nn.functional.max_pool2d(-pictures, 7, 1, 3) > -0.95
    mean = nn.functional.avg_pool2d(pictures, 7, 1, 3)
    steep = nn.functional.max_pool2d(mean, 7, 1, 3) + nn.functional.max_pool2d(-mean, 7, 1, 3)
    return sounding & (steep < 0.25)


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: Tensor, size: int = 8) -> Tensor:
    """Latents (n, channels, n_mels / 8, n_frames / 8) of pictures (n, n_mels, n_frames) uint8: means, on the CPU."""
    return torch.cat([vae.encode(floats(part).to(vae.device)).latent_dist.mean.float().cpu()
                      for part in pixels.split(size)])


@torch.no_grad()
def copies(vae: AutoencoderKL, pixels: Tensor, size: int = 16) -> Tensor:
    """Pictures (n, n_mels, n_frames) uint8 through the autoencoder and back, as float pixels in 0…255."""
    parts = [vae.decode(encode(vae, part).to(vae.device)).sample for part in pixels.split(size)]
    return ((torch.cat(parts).float().cpu().mean(1) + 1) * 127.5).clamp(0, 255)


@torch.no_grad()
def fold(vae: AutoencoderKL, pixels: Tensor) -> AutoencoderKL:
    """Shift and scale the latents to mean 0 and deviation 1 a channel, inside the 1×1 convolutions around them.

    Exact: the copies stay the same. The autoencoder then needs no scaling_factor, which would be one for all channels.
    """
    latents = encode(vae, pixels)
    mean = latents.mean(dim=(0, 2, 3)).to(vae.device)
    deviation = latents.std(dim=(0, 2, 3)).clamp_min(1e-6).to(vae.device)
    into, out, channels = vae.quant_conv, vae.post_quant_conv, len(mean)
    into.weight[:channels] /= deviation[:, None, None, None]
    into.bias[:channels] = (into.bias[:channels] - mean) / deviation
    into.bias[channels:] -= 2 * deviation.log()
    out.bias += out.weight[:, :, 0, 0] @ mean
    out.weight *= deviation[None, :, None, None]
    return vae


@torch.no_grad()
def channel_weights(vae: AutoencoderKL, latents: Tensor, dice: torch.Generator) -> Tensor:
    """(channels, 1, 1) what an error counts in each channel of latents (n, channels, rows, frames); 1 on the average.

    By the root of how far the picture moves when noise is added there. One channel, the one of loudness, moves it
    eight times as far as the others, and half of them hold little but grain, which cannot be foretold.
    """
    clean = latents.float().to(vae.device)
    pictures = vae.decode(clean).sample
    moved = []
    for channel in range(latents.shape[1]):
        noisy = clean.clone()
        noisy[:, channel] += torch.randn(noisy[:, channel].shape, generator=dice).to(vae.device)
        moved.append((vae.decode(noisy).sample - pictures).abs().mean())
    weights = torch.stack(moved).sqrt().cpu()
    return (weights / weights.mean())[:, None, None]


def figures(vae: AutoencoderKL, pixels: Tensor, range_db: float) -> dict[str, float]:
    """What the autoencoder loses on pictures (n, n_mels, n_frames) uint8.

    off_db      : mean absolute difference
    sounding_db : the same, where the picture is not black
    contrast    : local contrast of the copies ÷ that of the pictures; below 1 the grain is blurred
    silence_db  : what a black picture comes back as, at its loudest pixel
    """
    back, db = copies(vae, pixels), range_db / 255
    off, sounding = (back - pixels.float()).abs() * db, pixels > 0
    contrasts = [local_contrast(each[:, None].float() / 127.5).mean().item() for each in (back, pixels)]
    black = copies(vae, torch.zeros_like(pixels[:1]))
    return dict(off_db=off.mean().item(), sounding_db=off[sounding].mean().item(),
                contrast=contrasts[0] / contrasts[1], silence_db=black.max().item() * db)
