"""The model card that travels with the finished base."""

from diffusers import StableDiffusionPipeline
from torch import nn

from studio.engine.base.plan import Plan


def text(pipeline: StableDiffusionPipeline, plan: Plan, vae: dict[str, float], steps: int, seconds: float) -> str:
    """README.md of a base: what it is, what it learned from, how to call it, what it cannot do."""
    mel, rows = plan.mel, []
    for name in ("unet", "vae", "text_encoder"):
        part: nn.Module = getattr(pipeline, name)
        rows.append(f"| {name} | {sum(each.numel() for each in part.parameters()) / 1e6:.2f} M |")
    return f"""---
library_name: diffusers
pipeline_tag: text-to-audio
tags: [one-shot, drums, mel-spectrogram, stable-diffusion]
---

# {"A base of one's own, made with One-Shot Studio" if plan.dataset else "One-Shot Studio: the embedded base"}

A small Stable Diffusion pipeline that draws {mel.n_mels}×{mel.n_frames} mel spectrogram pictures of one-shot sounds,
{mel.duration:.2f} s at {mel.sample_rate} Hz. It is made to be fine-tuned with a LoRA on a handful of one's own sounds.

```python
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("this folder", safety_checker=None)
picture = pipeline("kick", num_inference_steps=6, guidance_scale=3).images[0]
```

The top row is the highest band, the left column the first frame; black is silence, white the picture's peak.
`mel.json` holds the settings with which a picture becomes sound; `plan.json` the numbers of the training,
of the last sitting where there were several.

## What it learned from

{_material(plan)}

## Parts

| part | parameters |
|---|---|
{chr(10).join(rows)}

Stored in half precision. UNet and text encoder were trained together from nothing for {steps} steps of
{plan.unet_batch} pictures ({seconds / 60:.0f} minutes on {plan.device}): v-prediction, {plan.caption_dropout:.0%} empty
captions, moving average of the weights. The latents are folded to deviation 1 a channel: scaling_factor is 1.

## What it cannot do

- The autoencoder is {vae["off_db"]:.2f} dB off on the mean pixel of unseen sounds; it keeps
  {vae["contrast"]:.0%} of the local contrast, so the grain of noise and fine partials are softened.
{_distance(plan)}- It knows the words of its captions: roles and adjectives of sound. Other words do little.
- Mono, one length, no tempo, no singing, no speech.
"""


def _material(plan: Plan) -> str:
    if plan.dataset:
        return """A library of sounds, prepared with the studio; its file and folder names gave the captions. Whoever
hands the base on must have the right to."""
    return f"""Nothing but arithmetic: {plan.clips_per_role * len(plan.roles)} sounds from the studio's own drum
synthesiser, with captions made from the parameters that made the sounds. No recording and no other model had a part
in it; where the synthesiser's ranges lie was set by measuring real drums.

Roles: {", ".join(plan.roles)}."""


def _distance(plan: Plan) -> str:
    if plan.dataset:
        return ""
    return "- Synthesised drums are not recorded ones. A LoRA on real sounds takes it there.\n"
