"""Files of every format, and what can happen to them on their way: thousands of different ones from a seed."""

import gzip
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

TEXTS = (
    "Measles causes a red rash.",
    "The baker sells bread, cheese and crème brûlée.",
    'She said "no" twice, then left.',
    "日本の医師は肺炎を抗生物質で治療します。",
    "In 1997 the orchestra (London) played Mahler.",
    "🙂 An emoji, a tab\tand a “quote”.",
)

HUGE = b"9" * 5_000
DEEP = b"[" * 5_000 + b"]" * 5_000


@dataclass(frozen=True)
class Case:
    """A file that may be bad: its name, its bytes, and the texts that must be read where bad records are skipped."""

    name: str
    data: bytes
    surviving: tuple[str, ...] = ()
    what: str = ""

    @property
    def source(self) -> str:
        """What it is called on the command line, below its folder."""
        return f"{self.name}:prompts" if self.name.endswith(".ipynb") else self.name


def json_lines() -> list[bytes]:
    """A record a line, each with fields of its own."""
    rows = [{"text": text, "id": f"d{n}", "domain": "notes"} for n, text in enumerate(TEXTS)]
    return [json.dumps(row, ensure_ascii=bool(n % 2)).encode() for n, row in enumerate(rows)]


def text_lines() -> list[bytes]:
    """A document a line."""
    return [text.encode() for text in TEXTS]


def csv_lines() -> list[bytes]:
    """A header and a record a line, quoted."""
    rows = [f'd{n},"{text.replace(chr(34), chr(34) * 2)}"'.encode() for n, text in enumerate(TEXTS)]
    return [b"id,text", *rows]


def parquet() -> bytes:
    """The same rows as Parquet, in two row groups."""
    sink = io.BytesIO()
    ids = [f"d{n}" for n in range(len(TEXTS))]
    pq.write_table(pa.table({"text": list(TEXTS), "id": ids}), sink, row_group_size=3)
    return sink.getvalue()


def notebook() -> bytes:
    """A notebook that assigns a list of texts."""
    code = f"prompts = {list(TEXTS)!r}\n"
    cell: dict[str, object] = {
        "cell_type": "code",
        "source": [code],
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


LINES = {"jsonl": json_lines, "txt": text_lines, "csv": csv_lines}
PACKED: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """A few bits are wrong."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut_off(data: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return data[: chance.randrange(len(data))]


def cut_out(data: bytes, chance: random.Random) -> bytes:
    """A piece is missing."""
    first = chance.randrange(len(data))
    return data[:first] + data[first + chance.randint(1, 40) :]


def swap(data: bytes, chance: random.Random) -> bytes:
    """Two pieces have changed places."""
    one, two = sorted(chance.randrange(len(data)) for _ in range(2))
    size = min(chance.randint(1, 16), two - one)
    return data[:one] + data[two : two + size] + data[one + size : two] + data[one : one + size] + data[two + size :]


def repeat(data: bytes, chance: random.Random) -> bytes:
    """A piece is there twice."""
    first = chance.randrange(len(data))
    last = first + chance.randint(1, 200)
    return data[:last] + data[first:last] + data[last:]


def insert(data: bytes, chance: random.Random) -> bytes:
    """Something foreign stands in it."""
    foreign = chance.choice(
        [
            b"\0",
            b"\0" * 300,
            b"\xff\xfe",
            b"\xed\xa0\x80",
            b"\xc3",
            b"\r",
            b"\n",
            b"\r\n",
            b'"',
            b"'",
            b"\\",
            b"{",
            HUGE,
        ]
    )
    place = chance.randrange(len(data) + 1)
    return data[:place] + foreign + data[place:]


def recode(data: bytes, chance: random.Random) -> bytes:
    """It is in another encoding, or has other line ends, or a mark before it."""
    text = data.decode("utf-8", "replace")
    encoding = chance.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7", "utf-8-sig", "cp037"])
    lines = chance.choice(["\n", "\r\n", "\r"])
    return text.replace("\n", lines).encode(encoding, "replace")


def nothing(data: bytes, chance: random.Random) -> bytes:
    """All of it is blank, or gone."""
    return chance.choice([b"", b"\n", b" \r\n\t", b"\xef\xbb\xbf", b"\0"])


ANYWHERE = (flip_bits, cut_off, cut_out, swap, repeat, insert, recode, nothing)

BAD_RECORDS = {
    "jsonl": (
        b'{"text": ' + DEEP + b"}",
        b'{"text": "x", "id": ' + HUGE + b"}",
        b'{"text": "x", "term": "y", "term_start": 1e999}',
        b'{"text": "\\ud800"}',
        b'{"text": "a\\u0000b"}',
        b'{"text": NaN}',
        b'{"text": ["x"]}',
        b'{"txt": "x"}',
        b'{"text": "  "}',
        b'{"text": "x", "term": "y"}',
        b'{"text": "x"',
        b"null",
        b"\xff\xfe{}",
        b'{"text": "x"}' * 2,
    ),
    "txt": (b"\xff\xfe", b"a\0b", b"\xed\xa0\x80", b"caf\xe9"),
    "csv": (b"only", b"a,b,c", b"d\xe9,x", b"d,\0", b'd,"  "', b'd,"x"y'),
}
"""Records that no document can be made of; each must be named, and its neighbours read."""


def bad_case(chance: random.Random, number: int) -> Case:
    """A file to which something has happened."""
    kind = chance.choice(["record", "anywhere", "anywhere", "packed", "parquet", "notebook"])
    if kind == "record":
        return _bad_record(chance, number)
    if kind == "parquet":
        return _mutated(f"case{number}.parquet", parquet(), chance)
    if kind == "notebook":
        return _mutated(f"case{number}.ipynb", notebook(), chance)
    form = chance.choice(sorted(LINES))
    data = b"\n".join(LINES[form]()) + b"\n"
    if kind == "anywhere":
        return _mutated(f"case{number}.{form}", data, chance)
    packing = chance.choice(sorted(PACKED))
    return _mutated(f"case{number}.{form}.{packing}", PACKED[packing](data), chance)


def _mutated(name: str, data: bytes, chance: random.Random) -> Case:
    done = []
    for _ in range(chance.randint(1, 3)):
        mutation = chance.choice(ANYWHERE)
        data = mutation(data, chance) if data else data
        done.append(mutation.__name__)
    return Case(name, data, what=" ".join(done))


def _bad_record(chance: random.Random, number: int) -> Case:
    """A bad record among good ones, which must be read all the same; packed or not."""
    form = chance.choice(sorted(LINES))
    lines = LINES[form]()
    bad = chance.choice(BAD_RECORDS[form])
    lines.insert(chance.randint(1 if form == "csv" else 0, len(lines)), bad)
    data = chance.choice([b"\n", b"\r\n"]).join(lines)
    name = f"case{number}.{form}"
    if chance.random() < 0.3:
        packing = chance.choice(sorted(PACKED))
        name, data = f"{name}.{packing}", PACKED[packing](data)
    return Case(name, data, TEXTS, f"bad record {bad[:40]!r}")
