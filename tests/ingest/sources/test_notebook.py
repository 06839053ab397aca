"""Lists of a notebook as a source: read off, never run."""

import json
from pathlib import Path

import pytest

from ingest.sources import Document, read_documents, source_stem
from schema.errors import SourceError

CELLS: list[str | list[str]] = [
    ["%pip install sae-lens\n", "!ls\n", "import os\n"],
    [
        "prompts_med = [\n",
        "  'Gout hurts.',  # so\n",
        '  "100 %"\n',
        '   " of it",\n',
        "  '''two\n%lines''',\n",
        "]",
    ],
    "%%bash\nprompts_med=3\n",
    "%%time\nsmall = ('one', 'two')\nwhat?\nfiles = !ls\n",
    "n = 5\nmixed = ['a', 1]\nsome = prompts_med[:1]\nnested = [['a']]\nopen('ran', 'w')\n",
    "def f():\n    prompts_med = ['other']\n",
    "grown = ['a']\ngrown.append('b')\nadded = ['a']\nadded += ['b']\nput = ['a']\nput[0] = 'b'\n",
    "twice = ['first']\n",
    "twice = ['second']\n",
    "typed: list[str] = ['x\\d']\none = other = ['shared']\n",
    "this is no Python at all (",
]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "study.ipynb"
    cells: list[dict[str, object]] = [{"cell_type": "markdown", "source": "prompts_med = ['no']"}]
    cells += [{"cell_type": "code", "source": source} for source in CELLS]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    return path


def refusal(source: str) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_documents(source))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("prompts_med", ["Gout hurts.", "100 % of it", "two\n%lines"]),
        ("small", ["one", "two"]),
        ("twice", ["second"]),
        ("typed", ["x\\d"]),
        ("other", ["shared"]),
    ],
)
def test_a_list_is_read_and_nothing_is_run(
    notebook: Path, monkeypatch: pytest.MonkeyPatch, name: str, texts: list[str]
) -> None:
    monkeypatch.chdir(notebook.parent)
    documents = list(read_documents(f"{notebook}:{name}", domain="study"))
    assert documents == [
        Document(f"study.ipynb:{name}:{n}", text, "study", f"study.ipynb:{name}") for n, text in enumerate(texts, 1)
    ]
    assert source_stem(f"{notebook}:{name}") == name
    assert not (notebook.parent / "ran").exists()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("prompts_mde", "no code cell assigns prompts_mde; it assigns prompts_med"),
        ("n", "cell 6, line 1 makes n of type int, not a list of strings"),
        ("mixed", "a list whose item 2 is of type int"),
        ("nested", "a list whose item 1 is of type list"),
        ("some", "cell 6, line 3 computes some, and notebooks are not run"),
        ("grown", "cell 8, line 2 changes grown"),
        ("added", "line 4 changes added"),
        ("put", "line 6 changes put"),
    ],
)
def test_what_is_no_plain_list_is_refused_by_cell_and_line(notebook: Path, name: str, what: str) -> None:
    assert what in refusal(f"{notebook}:{name}")


def read(tmp_path: Path, *cells: str) -> list[str]:
    """The texts of the list `x` in a notebook of these cells."""
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source} for source in cells]}))
    return [found.text for found in read_documents(f"{path}:x") if isinstance(found, Document)]


@pytest.mark.parametrize(
    "before",
    [
        "%matplotlib inline",
        "!ls -l | wc",
        "!echo it's",
        "%%time",
        "if True:\n    %cd ..\n    !pwd",
        "y = !ls\nz, w = %who_ls\r\n?len\nlen??",
    ],
)
def test_magic_lines_are_passed_over_and_strings_that_look_like_them_are_kept(tmp_path: Path, before: str) -> None:
    text = "Is this\n%asthma?\n!yes\x0c"
    assert read(tmp_path, f'{before}\nx = ["""{text}"""]\n') == [text]


@pytest.mark.parametrize(
    "change",
    [
        "x, rest = x[:1], x[1:]",
        "[x, *rest] = x",
        "for x in y:\n    pass",
        "with open('a') as x:\n    pass",
        "print(x := f())",
        "del x",
        "x = !cat texts",
        "from texts import x",
        "import x.y",
        "def x():\n    pass",
    ],
)
def test_a_name_that_is_given_another_value_is_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(SourceError, match=r"cell 2, line 1 (changes|computes) x"):
        read(tmp_path, "x = ['a']", change)


@pytest.mark.parametrize("other", ["y = [x for x in z]", "x: list[str]", "def f():\n    x = 1", "y = lambda x: x"])
def test_another_thing_of_the_same_name_changes_nothing(tmp_path: Path, other: str) -> None:
    assert read(tmp_path, "x = ['a']", other) == ["a"]


def test_without_a_name_the_lists_are_named(notebook: Path) -> None:
    message = refusal(str(notebook))
    assert "it has prompts_med, small, twice, typed, one, other" in message
    assert "NAME" in message


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cells": [3]}', b"\xff", b'{"cells": [{"source": 1}]}'])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    assert "not a Jupyter notebook" in refusal(f"{path}:x")


def test_a_missing_notebook_is_refused(tmp_path: Path) -> None:
    assert "there is no such notebook" in refusal(f"{tmp_path}/a.ipynb:x")


def test_a_notebook_of_version_3_is_read(tmp_path: Path) -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["x = ['old']"]}]}
    (tmp_path / "a.ipynb").write_text(json.dumps({"worksheets": [sheet], "nbformat": 3}))
    (document,) = read_documents(f"{tmp_path}/a.ipynb:x")
    assert isinstance(document, Document)
    assert document.text == "old"
