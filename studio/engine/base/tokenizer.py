"""The base's own words: a byte-level BPE (Sennrich et al. 2016) learned from captions, as a CLIPTokenizer."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from studio.engine.base.plan import Plan
from studio.engine.synth import Caption

START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""  # CLIP's split into words
WORDINGS = 40_000  # captions drawn to learn from


def learn(captions: Sequence[Caption], plan: Plan) -> CLIPTokenizer:
    """Learn `plan.vocabulary` tokens from random wordings of the captions.

    Every byte has a token, inside and at the end of a word, so that any Unicode prompt can be encoded.
    """
    dice = random.Random(plan.seed)
    texts = [caption.full() for caption in captions[:: max(1, len(captions) // 2000)]]
    texts += [dice.choice(captions).text(dice) for _ in range(min(WORDINGS, 4 * len(captions)))]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    singles = alphabet + [f"{letter}</w>" for letter in alphabet]
    merges = _merges(texts, alphabet, plan.vocabulary - len(singles) - 2)
    tokens = singles + ["".join(pair) for pair in merges] + [START, END]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=plan.prompt_tokens)


def _merges(texts: list[str], alphabet: list[str], count: int) -> list[tuple[str, str]]:
    """The `count` (or fewer) most useful joins of neighbouring tokens, in order."""
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bpe.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    # the trainer counts the letters that it has seen at a word's end too, so that its own limit says little
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=4 * 256 + count, initial_alphabet=alphabet,
                                                       end_of_word_suffix="</w>", show_progress=False))
    learned = [tuple(pair) for pair in json.loads(bpe.to_str())["model"]["merges"]]
    return learned[: max(0, count)]


def load(folder: Path) -> CLIPTokenizer:
    """The tokenizer that a run left in `folder`."""
    return CLIPTokenizer.from_pretrained(folder)
