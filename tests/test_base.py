"""The whole recipe of the embedded base, at toy size: it ends in a pipeline, and no interruption changes a weight."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file

from studio.engine import devices, synth
from studio.engine.base import autoencoder, denoiser, judge, material, recipe, tokenizer
from studio.engine.base.__main__ import main
from studio.engine.base.course import Budget, Course
from studio.engine.base.plan import Plan
from studio.errors import Cancelled, StudioError
from studio.files import read_json
from studio.knobs import from_dict
from studio.progress import Progress
from studio.settings import MelSettings

RATE = 44100
SMALL = Plan(mel=MelSettings(n_mels=32, n_frames=32, hop_length=347, n_fft=2048), roles=synth.ROLES[:2],
             clips_per_role=4, held_out_per_role=3, vocabulary=600, text_width=16, text_layers=1, text_hidden=16,
             vae_channels=(8, 8, 8, 8), vae_groups=4, vae_batch=2, vae_crop=16, vae_steps=3, ear_steps=2,
             decoder_steps=2, unet_channels=(16, 16), unet_attention=(False, True), unet_groups=4, unet_batch=2,
             unet_steps=3, warmup_steps=1)


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finished toy base and its work folder."""
    folder = tmp_path_factory.mktemp("base")
    return recipe.build(folder / "out", folder / "work", SMALL), folder / "work"


def load(folder: Path) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def weights(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.safetensors"))}


def stop_at(stage: str, step: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.stage == stage and progress.step == step:
            raise Cancelled()
    return report


def test_the_recipe_ends_in_a_pipeline_that_draws_a_picture(made):
    picture = load(made[0])("kick", num_inference_steps=2, guidance_scale=3, output_type="pt").images
    assert picture.shape == (1, 3, 32, 32) and picture.isfinite().all()


def test_a_base_is_stored_in_half_precision_and_works_in_single(made):
    stored = load_file(made[0] / "unet" / "diffusion_pytorch_model.safetensors")
    assert {each.dtype for each in stored.values()} == {torch.float16}
    pipeline = load(made[0]).to(torch.float32)
    assert {part.dtype for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}


def test_the_default_plan_fits_into_32_megabytes():
    plan = Plan()
    words = tokenizer.learn([synth.Caption("kick", ("kick",), ("deep",))], plan)
    parts = denoiser.build_unet(plan), denoiser.build_text_encoder(words, plan), autoencoder.build(plan)
    numbers = sum(each.numel() for part in parts for each in part.parameters())
    assert 24e6 < 2 * numbers < 31.8e6


@pytest.mark.parametrize(("stage", "step"), [("material", 4), ("vae", 1), ("vae", 2), ("latents", 1), ("ear", 1),
                                             ("decoder", 1), ("unet", 2)])
def test_a_resumed_run_ends_at_the_same_weights(made, tmp_path, stage, step):
    with pytest.raises(Cancelled):
        recipe.build(tmp_path / "out", tmp_path / "work", SMALL, report=stop_at(stage, step))
    assert not (tmp_path / "out").exists()
    reached = []
    recipe.build(tmp_path / "out", tmp_path / "work", SMALL, report=lambda now: reached.append((now.stage, now.step)))
    if stage in ("vae", "ear", "decoder", "unet"):
        assert (stage, step) not in reached and (stage, step + 1) in reached
    assert weights(tmp_path / "out") == weights(made[0])


def test_a_killed_run_goes_on_from_its_last_checkpoint(made, tmp_path):
    plan = dataclasses.replace(SMALL, checkpoint_minutes=0)  # after every step

    def die(progress: Progress) -> None:
        if progress.stage == "unet" and progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipe.build(tmp_path / "out", tmp_path / "work", plan, report=die)
    assert torch.load(tmp_path / "work" / "unet.pt", weights_only=True)["step"] == 2
    recipe.build(tmp_path / "out", tmp_path / "work", plan)
    assert weights(tmp_path / "out") == weights(made[0])


def test_another_seed_makes_another_base(made, tmp_path):
    recipe.build(tmp_path / "out", tmp_path / "work", dataclasses.replace(SMALL, seed=2))
    assert weights(tmp_path / "out") != weights(made[0])


def test_a_budget_in_minutes_ends_and_falls_to_its_last_rate(made, tmp_path):
    plan = dataclasses.replace(SMALL, unet_minutes=0.002)
    seen = []
    recipe.build(tmp_path / "out", tmp_path / "work", plan, vae=made[1] / "vae", report=seen.append)
    last = [each.values for each in seen if each.stage == "unet" and each.values][-1]
    assert last["minutes"] >= 0.002 and last["learning_rate"] == pytest.approx(0.02 * plan.unet_learning_rate)


def test_a_work_folder_of_another_plan_is_refused(made, tmp_path):
    with pytest.raises(StudioError, match="clips_per_role is 4, not 5"):
        recipe.build(tmp_path / "out", made[1], dataclasses.replace(SMALL, clips_per_role=5))


@pytest.mark.parametrize("lengths", [dict(unet_steps=0), dict(decoder_minutes=-1.0), dict(vae_steps=-2)])
def test_a_training_without_length_is_refused(lengths):
    with pytest.raises(StudioError, match=f"{next(iter(lengths))[:4]}.*give one above 0"):
        dataclasses.replace(SMALL, **lengths)


def test_an_autoencoder_of_another_number_of_channels_is_refused(made, tmp_path):
    plan = dataclasses.replace(SMALL, latent_channels=4)
    with pytest.raises(StudioError, match="has 8 channels of latents, the UNet would have 4"):
        recipe.build(tmp_path / "out", tmp_path / "work", plan, vae=made[1] / "vae")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StudioError, match="not empty"):
        recipe.build(tmp_path, tmp_path / "work", SMALL)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_the_mel_settings_travel_with_the_base(made):
    assert from_dict(MelSettings, read_json(made[0] / "mel.json")) == SMALL.mel
    assert "No recording" in (made[0] / "README.md").read_text(encoding="utf-8")


def test_a_snapshot_of_the_last_checkpoint_is_a_base_too(made, tmp_path):
    recipe.snapshot(tmp_path / "out", made[1], SMALL)
    assert weights(tmp_path / "out") == weights(made[0])


def test_the_decoder_alone_learns_further_and_goes_into_the_base(made, tmp_path):
    before, after, used = (AutoencoderKL.from_pretrained(folder).state_dict() for folder in
                           (made[1] / "vae", made[1] / "vae_refined", made[0] / "vae"))
    same = {name: torch.equal(weight, after[name]) for name, weight in before.items()}
    kept = ("encoder.", "quant_conv.")
    assert all(same[name] for name in same if name.startswith(kept))
    assert not any(same[name] for name in same if not name.startswith(kept) and name.endswith("conv_out.weight"))
    assert all(torch.equal(weight.half().float(), used[name]) for name, weight in after.items())


def test_a_finished_autoencoder_is_taken_as_it_is(made, tmp_path):
    recipe.build(tmp_path / "out", tmp_path / "work", SMALL, vae=made[1] / "vae")
    given, used = (AutoencoderKL.from_pretrained(folder).state_dict() for folder in
                   (made[1] / "vae", tmp_path / "out" / "vae"))
    assert all(torch.equal(weight.half().float(), used[name]) for name, weight in given.items())


def test_the_tokenizer_encodes_any_text(made):
    words = load(made[0]).tokenizer
    for prompt in ("", "kick", "Großer Knall!", "太鼓 🥁", "\u0000\U0010ffff", "a" * 500):
        ids = denoiser.token_ids(words, [prompt])
        assert ids.shape == (1, SMALL.prompt_tokens) and ids.max() < len(words) and ids[0, 0] == words.bos_token_id
    assert words.decode(words("太鼓 🥁").input_ids, skip_special_tokens=True).replace(" ", "") == "太鼓🥁"


def test_a_role_costs_few_tokens():
    captions = [synth.Caption(role, (role,), ("deep", "punchy")) for role in synth.ROLES]
    words = tokenizer.learn(captions, Plan())
    assert max(len(words.tokenize(role)) for role in synth.ROLES) <= 4
    assert len(words) <= Plan().vocabulary


def test_folded_latents_have_unit_deviation_and_the_copies_stay_the_same(made):
    vae = AutoencoderKL.from_pretrained(made[1] / "vae")
    pixels = material.load(made[1] / "material", "train", SMALL).pixels
    assert vae.config.scaling_factor == 1.0
    latents = autoencoder.encode(vae, pixels)
    assert latents.mean(dim=(0, 2, 3)) == pytest.approx(torch.zeros(SMALL.latent_channels), abs=1e-3)
    assert latents.std(dim=(0, 2, 3)) == pytest.approx(torch.ones(SMALL.latent_channels), abs=1e-3)

    torch.manual_seed(0)
    fresh = autoencoder.build(SMALL)
    before, spread = autoencoder.copies(fresh, pixels), fresh.encode(material.floats(pixels)).latent_dist.std
    latents = autoencoder.encode(fresh, pixels)
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    autoencoder.fold(fresh, pixels)
    assert autoencoder.copies(fresh, pixels) == pytest.approx(before, abs=0.01)
    assert not torch.allclose(mean, torch.zeros(SMALL.latent_channels), atol=1e-3)
    assert torch.allclose(fresh.encode(material.floats(pixels)).latent_dist.std * deviation[:, None, None], spread,
                          rtol=1e-3)


def test_the_learning_rate_holds_and_then_falls():
    course = Course("unet", torch.nn.ModuleDict(dict(one=torch.nn.Linear(1, 1))),
                    Budget(0, 100, 1e-3, 0.02, 0, 1.0, hold=0.75), {}, seed=1, device="cpu")
    rates = []
    for course.step in (0, 40, 75, 90, 100):
        rates.append(course._rate())
    assert rates[:3] == [1e-3] * 3 and 1e-3 > rates[3] > rates[4] == pytest.approx(2e-5)


def test_the_number_format_is_asked_of_accelerate(made, monkeypatch):
    asked, real = [], devices.accelerator
    monkeypatch.setattr(devices, "accelerator", lambda device, precision: asked.append(precision) or real(device))
    denoiser.course_of(tokenizer.load(made[1] / "tokenizer"), dataclasses.replace(SMALL, mixed_precision="bf16"))
    assert asked == ["bf16"]


def test_nearly_clean_latents_weigh_less_and_noisy_ones_fully():
    weights = denoiser.loss_weights(DDPMScheduler(**denoiser.NOISE).alphas_cumprod, 5.0)
    assert (weights[400:] == 1).all() and weights[0] < 0.01 and (weights.diff() >= 0).all()


def test_roles_that_differ_much_among_themselves_weigh_less():
    latents = torch.randn(16, 4, 2, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor(3.0)
    latents[8:] /= 3
    weights = denoiser.place_weights(latents.half(), _material(torch.full((16, 16, 16), 200), 8))
    assert weights.mean().item() == pytest.approx(1)
    assert (weights[1] / weights[0]).mean().item() == pytest.approx(3, rel=0.3)


def test_clips_of_roles_wider_than_most_are_drawn_more_often_and_the_others_alike():
    latents = torch.randn(64, 4, 2, 2, generator=torch.Generator().manual_seed(1))
    latents[:32] *= 3
    shares = denoiser.clip_shares(latents.half(), _material(torch.full((64, 16, 16), 200), 32))
    assert shares[0].item() == pytest.approx(1.5, rel=0.1) and (shares[32:] == 1).all()
    assert (shares[:32] == shares[0]).all()


def test_clips_that_are_called_distorted_are_drawn_twice_as_often():
    clips = dataclasses.replace(_material(torch.full((4, 16, 16), 200), 4), captions=tuple(
        synth.Caption("kick", ("kick",), words) for words in
        (("deep",), ("crunchy", "deep"), ("distorted",), ("clean",))))
    assert denoiser.clip_shares(torch.randn(4, 4, 2, 2).half(), clips).tolist() == [1, 2, 2, 1]


def test_an_error_counts_more_where_a_role_is_loud_and_a_little_where_it_is_silent():
    pixels = torch.zeros(8, 16, 16)
    pixels[:, 8:, :8] = 255
    loud = denoiser.place_weights(torch.randn(8, 4, 2, 2), _material(pixels, 8))[0, 0]
    assert loud[1, 0] / loud[0, 0] == pytest.approx((4 + denoiser.QUIET) / denoiser.QUIET)
    assert loud[0, 0] == loud[0, 1] == loud[1, 1] > 0


def test_the_last_timestep_holds_no_trace_of_the_sound():
    assert DDPMScheduler(**denoiser.NOISE).alphas_cumprod[-1] == 0


def _material(pixels, clips_per_role):
    roles = torch.arange(len(pixels)) // clips_per_role
    return material.Material(pixels.to(torch.uint8), tuple(synth.Caption("clap", ("clap",), ()) for _ in pixels), roles)


def test_the_words_reach_every_block_not_only_those_with_attention():
    unet = denoiser.build_unet(SMALL)
    noise, ids = torch.randn(1, SMALL.latent_channels, 4, 4), torch.zeros(1, dtype=torch.long)
    embeddings = []
    unet.down_blocks[0].resnets[0].time_emb_proj.register_forward_hook(lambda _, given, __: embeddings.append(given[0]))
    for states in torch.randn(2, 1, 6, SMALL.text_width):
        unet(noise, ids, encoder_hidden_states=states)
    assert not torch.allclose(*embeddings)


def test_timesteps_cover_the_whole_range_and_favour_the_noisy():
    timesteps = denoiser.stratified_timesteps(1000, torch.Generator().manual_seed(1))
    assert timesteps.min() < 10 and timesteps.max() >= 999
    shares = timesteps.div(100, rounding_mode="floor").bincount(minlength=10) / 1000
    assert (shares.diff() >= 0).all() and 0.03 > shares[0] > 0 and 0.14 < shares[9] < 0.17


def test_material_is_not_made_twice(made, tmp_path):
    plan = dataclasses.replace(SMALL, roles=SMALL.roles[:1])
    material.make(tmp_path, plan)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    material.make(tmp_path, plan)
    assert before and before == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    learned = material.load(tmp_path, "train", plan)
    assert learned.pixels.shape == (4, 32, 32) and len(learned.captions) == 4
    assert learned.captions[0].text(random.Random(1))
    assert not torch.equal(learned.pixels[:3], material.load(tmp_path, "held_out", plan).pixels)


def test_the_judge_learns_to_tell_roles(made):
    model = judge.classifier(made[1], SMALL, steps=30)
    learned = material.load(made[1] / "material", "train", SMALL)
    assert (judge.guesses(model, learned.pixels) == learned.roles).float().mean() >= 0.75


def test_masks_blacken_whole_bands_and_leave_the_rest_as_it_was():
    pictures = torch.rand(64, 1, 32, 48, generator=torch.Generator().manual_seed(1)) / 2
    kept = judge.masked(pictures, torch.Generator().manual_seed(2)) == pictures
    black = ~kept
    assert 0.02 < black.float().mean() < 0.25 and kept[:, 0].any(2).any(1).all()
    rows, frames = black.all(3, keepdim=True), black.all(2, keepdim=True)
    assert rows.any() and frames.any() and torch.equal(black, rows | frames)


def test_another_judge_begins_elsewhere_and_leaves_the_first_alone(made):
    first, other = (judge.classifier(made[1], SMALL, steps=30, another=number) for number in (0, 1))
    again = judge.classifier(made[1], SMALL, steps=30)
    assert not torch.equal(first[1].weight, other[1].weight) and torch.equal(first[1].weight, again[1].weight)


def test_the_judge_reports_every_role_and_their_mean(made):
    found = judge.judge(made[0], made[1], SMALL, count=2, steps=30)
    assert list(found) == [*SMALL.roles, "all"]
    for name in ("accuracy", "held_out"):
        shares = [found[role][name] for role in SMALL.roles]
        assert all(0 <= share <= 1 for share in shares) and found["all"][name] == pytest.approx(sum(shares) / 2)
    assert all(found[role]["spread_of_material_db"] > 0 for role in SMALL.roles)


def test_the_command_says_what_is_wrong_in_one_line(made, tmp_path, capsys):
    assert main(["snapshot", "--out", str(tmp_path / "out"), "--work", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
