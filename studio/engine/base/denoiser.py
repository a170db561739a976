"""The generating half of the base: a small UNet and a small CLIP text encoder, trained together on latents."""

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from studio.engine.base.course import Budget, Course
from studio.engine.base.material import Material
from studio.engine.base.plan import Plan
from studio.engine.synth import Caption
from studio.engine.synth.words import concept_of
from studio.progress import Report, silent

HEADS = 4
NOISIER = 0.65  # exponent below 1: how much more often noisy timesteps are drawn
QUIET = 0.25  # what an error counts where a role is silent, beside 1 where it is as loud as on the average
# velocities of Salimans & Ho (2022); pure noise at the last timestep, as in use, without the usual trace of the sound
# (Lin et al. 2023)
NOISE = dict(num_train_timesteps=1000, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
             prediction_type="v_prediction", rescale_betas_zero_snr=True)


def build_unet(plan: Plan) -> UNet2DConditionModel:
    """An untrained UNet of Stable Diffusion's kind over the latent picture.

    The words also go, pooled, into every block beside the timestep: after 3,500 steps with cross-attention alone, roles
    whose pictures are alike, such as a clap and a closed hat, still came out as one. (Brought in together with other
    changes; what it does alone was not measured.)
    """
    down = tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in plan.unet_attention)
    up = tuple(name.replace("Down", "Up") for name in reversed(down))
    rows, frames = plan.latent_size
    channels = plan.latent_channels
    unet = UNet2DConditionModel(
        sample_size=rows if rows == frames else (rows, frames), in_channels=channels, out_channels=channels,
        down_block_types=down, up_block_types=up, block_out_channels=plan.unet_channels, layers_per_block=1,
        cross_attention_dim=plan.text_width, norm_num_groups=plan.unet_groups,
        attention_head_dim=HEADS,  # diffusers means the number of heads by it
        addition_embed_type="text", addition_embed_type_num_heads=HEADS)
    unet.set_attn_processor(AttnProcessor())  # the backward of fused attention is slow on a CPU
    return unet


def build_text_encoder(tokenizer: CLIPTokenizer, plan: Plan) -> CLIPTextModel:
    """An untrained text encoder of CLIP's kind for the tokenizer's vocabulary."""
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=plan.text_width, intermediate_size=plan.text_hidden,
        projection_dim=plan.text_width, num_hidden_layers=plan.text_layers, num_attention_heads=HEADS,
        max_position_embeddings=plan.prompt_tokens, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))


def course_of(tokenizer: CLIPTokenizer, plan: Plan) -> Course:
    """The course that trains UNet and text encoder, from its beginning; `resume` takes it to a checkpoint."""
    torch.manual_seed(plan.seed)
    models = nn.ModuleDict(dict(unet=build_unet(plan), text_encoder=build_text_encoder(tokenizer, plan)))
    budget = Budget(plan.unet_minutes, plan.unet_steps, plan.unet_learning_rate, 0.02, plan.warmup_steps,
                    plan.checkpoint_minutes, plan.unet_hold)
    return Course("unet", models, budget, plan.fixed(), seed=plan.seed, device=plan.device,
                  precision=plan.mixed_precision)


def train(latents: Tensor, channels: Tensor, learned: Material, tokenizer: CLIPTokenizer, file: Path, plan: Plan, *,
          report: Report = silent) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Train on the material's latents (n, channels, rows, frames) and captions, worded anew each time.

    channels : (channels, 1, 1) what an error counts in each of them, see `autoencoder.channel_weights`
    file     : where checkpoints go
    """
    course = course_of(tokenizer, plan)
    schedule = DDPMScheduler(**NOISE)
    unet, text_encoder = course.models["unet"], course.models["text_encoder"]
    weights = loss_weights(schedule.alphas_cumprod, plan.unet_snr_cap)
    places, shares = place_weights(latents, learned), clip_shares(latents, learned)

    def loss_of(course: Course) -> Tensor:
        clips = torch.multinomial(shares, plan.unet_batch, replacement=True, generator=course.dice)
        clean = latents[clips].float()
        texts = [_wording(learned.captions[clip], course, plan) for clip in clips.tolist()]
        timesteps = stratified_timesteps(plan.unet_batch, course.dice)
        noise = torch.randn(clean.shape, generator=course.dice)
        noisy = schedule.add_noise(clean, noise, timesteps).to(course.device)
        wanted = schedule.get_velocity(clean, noise, timesteps).to(course.device)
        states = text_encoder(token_ids(tokenizer, texts).to(course.device))[0]
        guess = unet(noisy, timesteps.to(course.device), encoder_hidden_states=states).sample
        counts = weights[timesteps, None, None, None] * places[learned.roles[clips]] * channels
        return ((guess.float() - wanted).square() * counts.to(course.device)).mean()

    course.run(loss_of, file, report=report)
    return unet, text_encoder


def _wording(caption: Caption, course: Course, plan: Plan) -> str:
    """A random wording of a caption, or none: what guidance compares with (Ho & Salimans 2022)."""
    return "" if course.words.random() < plan.caption_dropout else caption.text(course.words)


def loss_weights(alphas_cumprod: Tensor, cap: float) -> Tensor:
    """(1000,) weight of each timestep's loss: 1, but less where the signal is more than `cap` times the noise.

    What is left to predict there is the grain of the noise itself, which cannot be learned: it would drown the rest.
    The cap of Hang et al. (2023), without their lower weight of the noisiest steps, where a small model's sounds get
    their role.
    """
    snr = alphas_cumprod / (1 - alphas_cumprod)
    return (cap / snr).clamp_max(1)


def place_weights(latents: Tensor, learned: Material) -> Tensor:
    """(roles, 1, rows, frames) what an error counts at each place of a role's latent picture; about 1 on the average.

    More where the role is loud, by the square of its mean brightness: of what claves differ by in their latents, pitch
    is 2.5 %, for it lies in a few places of a wide silence; so weighed, 8 %. Less for roles whose latents differ much
    among themselves: a long wash of noise has ten times the error of a short knock, and would have ten times the say.
    """
    rows, frames = latents.shape[-2:]
    maps = []
    for role in range(int(learned.roles.max()) + 1):
        mine = learned.roles == role
        brightness = learned.pixels[mine].float().mean(0)
        loud = functional.adaptive_avg_pool2d(brightness[None], (rows, frames)).square()
        emphasis = (loud / loud.mean() + QUIET) / (1 + QUIET)
        spread = (latents[mine].float().var(0, unbiased=False) * emphasis).mean().sqrt()
        maps.append((emphasis, spread))
    floor = 0.1 * torch.stack([spread for _, spread in maps]).mean() + 1e-6
    weights = torch.stack([emphasis / spread.clamp_min(floor) for emphasis, spread in maps])
    return weights / weights[learned.roles].mean()


def clip_shares(latents: Tensor, learned: Material) -> Tensor:
    """(n,) how often a clip is drawn: those of roles that are wider than most, plucks and cymbals, more often.

    As often as the role's latents spread wider than the mean of the roles: an error of theirs counts less
    (`place_weights`), and the prompt "pluck" came out as a cowbell while all were drawn alike. And twice as often where
    it is called distorted: that word is true of one clip in eight.
    """
    count = int(learned.roles.max()) + 1
    spread = torch.stack([latents[learned.roles == role].float().var(0, unbiased=False).mean().sqrt()
                          for role in range(count)])
    rough = torch.tensor([any(concept_of(word) == "distorted" for word in caption.adjectives)
                          for caption in learned.captions])
    return (spread / spread.mean().clamp_min(1e-6)).clamp_min(1)[learned.roles] * (1 + rough.float())


def stratified_timesteps(count: int, dice: torch.Generator) -> Tensor:
    """(count,) int64 in 0…999, one in each of `count` ranges of equal weight: a steadier loss than free draws.

    Noisy ones come up more often, the noisiest tenth 1.5 times: there it is decided which drum it will be.
    """
    share = (torch.arange(count) + torch.rand(count, generator=dice)) / count
    return (1000 * share**NOISIER).long().clamp(0, 999)


def token_ids(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """(n, prompt_tokens) int64, padded and cut as the pipeline does it."""
    return tokenizer(list(texts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
                     return_tensors="pt").input_ids


def sampler() -> DPMSolverMultistepScheduler:
    """The scheduler that the finished base brings: DPM-Solver++ of order 2 (Lu et al. 2022)."""
    return DPMSolverMultistepScheduler(**NOISE, algorithm_type="dpmsolver++", solver_order=2,
                                       steps_offset=1)  # the pipeline warns at 0; no effect with even spacing
