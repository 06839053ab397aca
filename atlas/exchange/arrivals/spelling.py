"""How the tokens of an export are spelled: as text, or in the alphabet of bytes of GPT-2's tokenizer.

In that alphabet a printable byte stands for itself, and each other one for a letter from U+0100 on: `Ġdisease` is
` disease`, `âĢ` and `Ļ` are two parts of a ’. SAEDashboard writes a space, a line break and dashes as themselves
there, so that what is no letter of the alphabet is text.

Source: github.com/openai/gpt-2: src/encoder.py, bytes_to_unicode; sae_vis: utils_fns.py, HTML_ANOMALIES.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
ALPHABET = {chr(byte): byte for byte in PRINTABLE} | {chr(256 + place): byte for place, byte in enumerate(OTHERS)}
"""The byte of each letter."""
SIGNS = frozenset("ĠĊ")
"""A space and a line break: hardly a word of any language begins with such a letter."""
FURTHER = bytes(range(0x80, 0xC0))
"""The bytes that no character begins with."""
_HIGH = re.compile(f"[{''.join(letter for letter, byte in ALPHABET.items() if byte > 0x7F)}]+")
PART = "\ufffd"
"""What a part of a character shows as, here as in a vocabulary."""


@dataclass(frozen=True)
class Spelled:
    """A window that is read: its text, the text of each token, and the half-open span of each in characters.

    The tokens of a character that is split over several have its span each.
    """

    text: str
    tokens: Sequence[str]
    spans: Sequence[tuple[int, int]]


def window_as_text(tokens: Sequence[str]) -> Spelled:
    """A window whose tokens are spelled as text."""
    return Spelled("".join(tokens), tokens, list(pairwise(accumulate(map(len, tokens), initial=0))))


def window_as_bytes(tokens: Sequence[str]) -> Spelled:
    """A window whose tokens are spelled in the alphabet of bytes."""
    read = list(map(bytes_of_exported_token, tokens))
    characters = b"".join(read).decode("utf-8", "surrogateescape")  # a stray byte is one, from U+DC80 on
    place = [n for n, character in enumerate(characters) for _ in character.encode("utf-8", "surrogateescape")]
    place.append(len(characters))
    ends = pairwise(accumulate(map(len, read), initial=0))
    spans = [(place[start], place[end - 1] + 1 if end > start else place[start]) for start, end in ends]
    shown = "".join(PART if "\udc80" <= character <= "\udcff" else character for character in characters)
    return Spelled(shown, list(map(text_of_exported_token, tokens)), spans)


def text_of_exported_token(token: str) -> str:
    """The text of one token in the alphabet of bytes."""
    return bytes_of_exported_token(token).decode("utf-8", "replace")


def bytes_of_exported_token(token: str) -> bytes:
    """The bytes of a token."""
    if token.isascii():
        return token.encode()
    return b"".join(
        bytes((ALPHABET[letter],)) if letter in ALPHABET else letter.encode("utf-8", "surrogatepass")
        for letter in token
    )


class Evidence:
    """What the tokens of an export say of how they are spelled.

    Read as bytes, those of a model that has this alphabet give whole characters, but where a window cuts one; texts
    with letters beyond ASCII do not.
    """

    def __init__(self) -> None:
        self._for, self._against = False, False

    @property
    def bytes_spelled(self) -> bool:
        """Whether tokens are in the alphabet of bytes: something is spelled so, and nothing is not."""
        return self._for and not self._against

    def take_window(self, tokens: Sequence[str]) -> None:
        """Look at the tokens of a window, in their order."""
        if self._against or all(map(str.isascii, tokens)):
            return
        self.take_tokens(tokens)
        try:
            b"".join(map(bytes_of_exported_token, tokens)).lstrip(FURTHER).decode("utf-8")
        except UnicodeDecodeError as error:
            self._against = error.reason != "unexpected end of data"
        self._for = self._for or any(map(_is_whole, _HIGH.findall("".join(tokens))))

    def take_tokens(self, tokens: Iterable[str]) -> None:
        """Look at tokens that each stand alone."""
        self._for = self._for or any(token and token[0] in SIGNS for token in tokens)


def _is_whole(letters: str) -> bool:
    """Whether letters are the bytes of whole characters."""
    try:
        bytes_of_exported_token(letters).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
