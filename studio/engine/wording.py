"""Captions as text that is edited: the role that they name, and words put in, taken out and exchanged.

A caption is phrases between commas, "hard 808 kick, long, dark": an edit leaves all other words as the user wrote them.
Words are found whole and whatever their case.
"""

import re
from functools import lru_cache

from studio.engine.captions import HEADS, PHRASES, SPELLINGS, UNSAID_HEADS
from studio.errors import StudioError


def roles() -> list[str]:
    """The roles that a caption can name, in the order of the alphabet."""
    return sorted(HEADS)


def role_of(text: str) -> str:
    """What a caption says the sound is: one of `roles()`, "" where it names none.

    A drum goes before "808", "fx" and "percussion", and of several the last: "kick snare" is a snare.
    """
    return _role(text)[0]


def with_role(text: str, role: str) -> str:
    """The caption with another role: in the place of the one that it named, or before everything else."""
    old, start, end = _role(text)
    if old:
        return _tidy(f"{text[:start]}{role}{text[end:]}")
    return _tidy(f"{role}, {text}")


def with_words(text: str, words: str, *, front: bool = False) -> str:
    """The caption with words before or behind it; one that has them already stays as it is.

    Raises StudioError where there are no words.
    """
    words = _wanted(words, "to add")
    if _pattern(words).search(text):
        return _tidy(text)
    return _tidy(f"{words}, {text}" if front else f"{text}, {words}")


def exchanged(text: str, words: str, others: str = "") -> str:
    """The caption with all `words` replaced by `others`, "" to take them out; it may become empty.

    Raises StudioError where there are no words to find.
    """
    others = _tidy(others)
    return _tidy(_pattern(_wanted(words, "to find")).sub(lambda _: others, text))


# ------------------------------------------------------------------------------------------------------------ of words
def _wanted(words: str, purpose: str) -> str:
    words = _tidy(words)
    if not words:
        raise StudioError(f"there are no words {purpose}; write some")
    return words


def _pattern(words: str) -> re.Pattern:
    """Finds words as they stand, whole, whatever their case; between them any blanks."""
    spaced = r"\s+".join(map(re.escape, words.split()))
    return re.compile(rf"(?<!\w){spaced}(?!\w)", re.IGNORECASE)


def _tidy(text: str) -> str:
    """Single blanks, no empty phrases, a blank after each comma."""
    phrases = (" ".join(phrase.split()) for phrase in text.split(","))
    return ", ".join(filter(None, phrases))


def _role(text: str) -> tuple[str, int, int]:
    """The role and where it stands in the text; ("", 0, 0) where there is none."""
    spoken, pattern = _roles_spoken()
    found = [(spoken[" ".join(match.group().lower().split())], match) for match in pattern.finditer(text)]
    if not found:
        return "", 0, 0
    drums = [each for each in found if each[0] not in (*UNSAID_HEADS, "808")]
    role, match = (drums or found)[-1]
    return role, match.start(), match.end()


@lru_cache(maxsize=1)
def _roles_spoken() -> tuple[dict[str, str], re.Pattern]:
    """Every way to write a role with the role that it means, and the pattern that finds them, the longest first."""
    spoken = {spelling: role for role in HEADS for spelling in (role, *SPELLINGS.get(role, "").split())}
    spoken |= {phrase: role for phrase, role in PHRASES.items() if role in HEADS}
    longest_first = sorted(spoken, key=len, reverse=True)
    ways = "|".join(r"\s+".join(map(re.escape, way.split())) for way in longest_first)
    return spoken, re.compile(rf"(?<!\w)(?:{ways})(?!\w)", re.IGNORECASE)
