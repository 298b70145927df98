"""What a model wrote, made into plain sentences: no markup, no thoughts, no more than is wanted."""

import re
import unicodedata

# A model that thinks aloud may leave the beginning of its thoughts to the prompt, or be cut off before their end.
THOUGHTS = re.compile(r"^.*</think(?:ing)?>|<think(?:ing)?>.*$", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"^[ \t]*(?:```|~~~)\w*[ \t]*$", re.MULTILINE)
BULLET = re.compile(r"^[ \t]*(?:[-*+•]|#{1,6}|>|\d{1,2}[.)])[ \t]+", re.MULTILINE)
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[|/!][^<>]*>")
# Underscores part words, except within a name such as snake_case.
MARKUP = re.compile(r"[*`#<>|~\\{}]|(?<!\w)_+|_+(?!\w)")
QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "‘": "’", "«": "»", "»": "«", "「": "」"}
# These join letters of some scripts, and are no other control character.
JOINERS = "\u200c\u200d"
SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s|$)|[。！？｡।]")


def plain(written: str, longest: int, unfinished: bool = False) -> str:
    """The sentences of a text, on one line, at most `longest` characters. Empty if it has no letter.

    The last sentence is left out where it is not finished: the text is too long, or the model was cut off.
    """
    text = THOUGHTS.sub(" ", written)[: 10 * longest]  # Markup takes less than nine tenths of what is a caption.
    text = BULLET.sub("", FENCE.sub(" ", text))
    text = MARKUP.sub("", TAG.sub(" ", LINK.sub(r"\1", text)))
    text = _unquoted(" ".join(_printable(text).split()))
    if unfinished or len(text) > longest:
        text = _finished(text[:longest])
    return text if any(letter.isalpha() for letter in text) else ""


def _printable(text: str) -> str:
    """The text in composed letters. What nobody can look at, such as NUL or half a surrogate, becomes a blank."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        letter if letter in JOINERS or not unicodedata.category(letter).startswith("C") else " " for letter in composed
    )


def _unquoted(text: str) -> str:
    """The text without quotes around all of it."""
    inside = text[1:-1]
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1] and text[0] not in inside and text[-1] not in inside:
        return inside.strip()
    return text


def _finished(text: str) -> str:
    """The text up to the end of its last whole sentence; of its last whole word if it has no such sentence."""
    if ends := [found.end() for found in SENTENCE.finditer(text)]:
        return text[: ends[-1]]
    return text.rpartition(" ")[0] or text
