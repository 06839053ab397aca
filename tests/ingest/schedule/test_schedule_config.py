"""The file of a schedule: what it means, and that all of its mistakes are said at once, by key."""

from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.jobs.reader import Reader
from ingest.schedule.checks import schedule_absences
from ingest.schedule.config import Contrast, Interval, Job, Notify, Retry, Site, When
from ingest.schedule.cron import Cron
from ingest.schedule.schedule_file import read_schedule
from schema import ScheduleError
from tests.made.scheduling import schedule_of

FULL = """
timezone = "Europe/Berlin"
saes = ["pocket", "my-saes/layer-4"]
model = "my-model"
device = "cpu"
precision = "bfloat16"
patience = "1h"

[publish]
site = "site"
keep = 5

[notify]
command = ["./tell", "--urgent"]
timeout = "5s"
attempts = "last"

[defaults]
cron = "30 2 * * *"
on_error = "skip"
retries = 1
contrasts = "medical"

[contrast.medical]
positive = "papers"
control = ["news", "domain=sport"]
unit = "window"
null = 50
explain = { best = 3, windows = 20 }

[corpus.papers]
sources = ["drop/papers/", "old/*.jsonl.gz", "bundled:medical", "hf:some/name:train", "hf:./data:test"]
domain = "medicine"
limit = 100
jitter = "10m"
grace = "12h"
publish = true
backoff = "2m"

[corpus."news/world"]
sources = "/srv/news.txt"
every = "6h"
gone = "drop"
on_error = "stop"
contrasts = ["medical"]
"""


def mistakes(folder: Path, text: str) -> list[str]:
    """What is said of a schedule, the file's name left out."""
    with pytest.raises(ScheduleError) as caught:
        schedule_of(folder, text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder / 'schedule.toml'}: ") for line in lines)
    return [line.removeprefix(f"{folder / 'schedule.toml'}: ") for line in lines]


def test_all_that_a_schedule_can_say(tmp_path: Path) -> None:
    (tmp_path / "my-saes" / "layer-4").mkdir(parents=True)
    berlin = ZoneInfo("Europe/Berlin")
    found = schedule_of(tmp_path, FULL)
    assert found.atlas == tmp_path / "atlas.duckdb"
    assert found.reader == Reader(("pocket", f"{tmp_path}/my-saes/layer-4"), "my-model", "cpu", "bfloat16")
    assert (found.site, found.patience) == (Site(tmp_path / "site", 5), timedelta(hours=1))
    assert found.notify == Notify((f"{tmp_path}/./tell", "--urgent"), timedelta(seconds=5), "last")
    assert found.contrasts == (Contrast("medical", ("papers",), ("news", "domain=sport"), "window", 50, 3, 20),)
    inside = [f"{tmp_path}/drop/papers/", f"{tmp_path}/old/*.jsonl.gz"]
    assert found.jobs == (
        Job(
            "papers",
            (*inside, "bundled:medical", "hf:some/name:train", f"hf:{tmp_path}/./data:test"),
            When(Cron("30 2 * * *", berlin), timedelta(minutes=10), timedelta(hours=12)),
            "medicine",
            100,
            "skip",
            "keep",
            ("medical",),
            True,
            Retry(1, timedelta(minutes=2)),
        ),
        Job(
            "news/world",
            ("/srv/news.txt",),
            When(Interval(timedelta(hours=6))),
            gone="drop",
            contrasts=("medical",),
            retry=Retry(1),
        ),
    )


def test_all_mistakes_are_said_at_once_with_key_and_advice(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path,
        """
        timezone = "Europe/Berln"
        xyz = "red"
        patience = "soon"

        [publish]
        sight = "site"

        [defaults]
        retries = -1

        [contrast.medical]
        positive = ["papers"]

        [corpus.papers]
        source = ["x.txt"]
        cron = "61 2 * * *"
        limit = 10
        gone = "drop"
        on_error = "explode"
        contrasts = ["medicine"]

        [corpus.news]
        sources = ["-"]
        every = "1h"
        jitter = "1h"
        publish = "yes"

        [corpus."news/law"]
        sources = []
        """,
    )
    for expected in (
        "timezone: 'Europe/Berln': there is no such time zone; did you mean 'Europe/Berlin'?; write a name such as "
        "'Europe/Berlin' or 'UTC'",
        "xyz: there is no such key here; it may be ",
        "patience: 'soon' is no length of time; write a length of time such as '90s', '15m', '6h' or '1d'",
        'publish.site: it is missing; write site = "site"',
        "publish.sight: there is no such key here; did you mean 'site'?",
        "defaults.retries: -1 is no whole number from 0 on",
        'contrast.medical.control: it is missing; write control = ["CORPUS"], ["domain=D"] or ["term=T"]',
        'corpus.papers.sources: it is missing; write sources = ["texts/*.jsonl"]',
        "corpus.papers.source: there is no such key here; did you mean 'sources'?",
        "corpus.papers.cron: '61 2 * * *': ",
        "corpus.papers.on_error: 'explode' is none of stop, skip; ",
        "corpus.papers.contrasts: there is no [contrast.medicine]; did you mean 'medical'?",
        "corpus.papers.limit: what lies beyond it would be dropped as gone; leave it out, or say gone = 'keep'",
        "corpus.news.sources: '-' (stdin) is read under --once alone; leave cron and every out, also of [defaults]",
        "corpus.news.jitter: it is no shorter than the 1:00:00 between two runs; choose less",
        "corpus.news.publish: 'yes' is neither true nor false; write it without quotation marks",
        'corpus."news/law".sources: [] is no list of texts; write sources = ["...", "..."]',
        "corpus.\"news/law\": corpus.news has no domain and so writes every corpus 'news/DOMAIN', this one too; "
        "give it a domain, or rename one of the two",
    ):
        assert any(line.startswith(expected) for line in said), (expected, said)
    assert len(said) == 18


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "corpus: there is none; describe one in a table [corpus.NAME]"),
        ("corpus = 5", "corpus: it is no table; begin it with [corpus.NAME]"),
        ('[corpus]\nnews = "x.txt"', "corpus.news: it is no table; begin it with [corpus.news]"),
        (
            '[corpus.news]\nsources = "x.txt"\ncron = "0 0 * * *"\nevery = "1h"',
            "corpus.news.every: cron says when already; keep one of the two",
        ),
        (
            '[corpus.news]\nsources = "x.txt"\nevery = "10s"',
            "corpus.news.every: '10s' is no length of time from 60 s on; write a length of time such as "
            "'90s', '15m', '6h' or '1d'",
        ),
        (
            '[corpus.news]\nsources = "-"\ngone = "drop"',
            "corpus.news.gone: a stream that ends early looks like a whole one; say gone = 'keep' where '-' is read",
        ),
        (
            '[corpus."term=gout"]\nsources = "x.txt"',
            'corpus."term=gout": a name that begins with term= means something else in a contrast; choose another',
        ),
        (
            '[defaults]\nsources = "x.txt"\n[corpus.news]\nsources = "x.txt"',
            "defaults.sources: each corpus has its own; move it to [corpus.NAME]",
        ),
        (
            '[contrast.c]\npositive = "a"\ncontrol = ["a", "b"]\n[corpus.news]\nsources = "x.txt"',
            "contrast.c.control: 'a' is on both sides; take it out of one",
        ),
        (
            '[contrast.c]\ntarget = "year"\nclasses = ["a", "b"]\n[corpus.news]\nsources = "x.txt"',
            "contrast.c: it asks two things; keep positive and control, or target, or classes",
        ),
        (
            '[contrast.c]\nclasses = ["a", "b"]\ncorpora = ["a"]\n[corpus.news]\nsources = "x.txt"',
            "contrast.c.corpora: it says whose documents a target is asked of; add target, or take it out",
        ),
        (
            '[contrast.c]\nclasses = ["a", "b"]\nexplain = { best = 2 }\n[corpus.news]\nsources = "x.txt"',
            "contrast.c.explain: features are explained on the positive documents of two sides; take it out",
        ),
        (
            '[corpus.news]\nsources = "x.txt"\npublish = true',
            'corpus.news.publish: it is not said where to; add [publish] with site = "site"',
        ),
    ],
)
def test_a_mistake_alone_is_the_only_thing_said(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text) == [expected]


def test_a_file_that_is_no_toml_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match=r"nowhere.toml cannot be read: No such file"):
        read_schedule(tmp_path / "nowhere.toml")
    path = tmp_path / "broken.toml"
    path.write_text("atlas = \n")
    with pytest.raises(ScheduleError, match=r"broken.toml is no TOML: Invalid value \(at line 1"):
        read_schedule(path)
    path.write_bytes(b'atlas = "\xff"')
    with pytest.raises(ScheduleError, match=r"broken.toml is not UTF-8 \(byte 0xff in line 1\); save it as UTF-8"):
        read_schedule(path)


def test_a_file_in_another_encoding_is_read_or_told_so(tmp_path: Path) -> None:
    path, text = (
        tmp_path / "schedule.toml",
        'atlas = "a.duckdb"\n[corpus.été]\nsources = "x.txt"\n'.replace("été", '"été"'),
    )
    path.write_bytes(text.encode("utf-8-sig"))
    assert [job.name for job in read_schedule(path).jobs] == ["été"]
    for encoding in ("utf-16", "utf-16-be", "utf-32"):
        path.write_bytes(text.encode(encoding))
        with pytest.raises(ScheduleError, match=rf"schedule.toml is UTF-{encoding[4:6]} text; save it as UTF-8"):
            read_schedule(path)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ScheduleError, match=r"schedule.toml is not UTF-8 \(byte 0xe9 in line 2\); save it as UTF-8"):
        read_schedule(path)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('every = "999999w"', "every: '999999w' is longer than a hundred years; write a length of time such as"),
        (f'grace = "{"999999w" * 200}"', "is longer than a hundred years; write a length of time such as"),
        ('backoff = "36526d"', "backoff: '36526d' is longer than a hundred years; write"),
        ("limit = 99999999999999999999", "limit: 99999999999999999999 is no whole number from 1 to 2,147,483,647"),
        ("retries = 2147483648", "retries: 2147483648 is no whole number from 0 to 2,147,483,647"),
    ],
)
def test_what_is_too_large_is_a_mistake_as_any_other(tmp_path: Path, line: str, wrong: str) -> None:
    (said,) = mistakes(tmp_path, f'[corpus.news]\nsources = "x.txt"\n{line}')
    assert wrong in said


def test_what_is_named_but_absent_is_said_by_key(tmp_path: Path) -> None:
    text = """
    saes = ["poket"]
    [notify]
    command = ["./nobody"]
    [corpus.news]
    sources = ["missing.txt", "bundled:medicine", "nowhere/", "later/*.txt"]
    """
    said = list(schedule_absences(schedule_of(tmp_path, text)))
    assert [line.partition(": ")[0] for line in said] == ["saes", *["corpus.news.sources"] * 3, "notify.command"]
    assert "missing.txt: there is no such file; check the path" in said[1]
    assert said[4] == (f"notify.command: there is no program {tmp_path}/./nobody; check its name, path and permissions")


def test_a_folder_with_pattern_signs_is_not_taken_for_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "a[1]"
    folder.mkdir()
    (folder / "x.txt").write_text("One.\n")
    found = schedule_of(folder, '[corpus.news]\nsources = ["*.txt", "x.txt"]')
    assert found.jobs[0].sources == (f"{tmp_path}/a[[]1]/*.txt", f"{folder}/x.txt")
    assert list(schedule_absences(found)) == []


def test_the_example_that_ships_is_right() -> None:
    with files("ingest.schedule").joinpath("examples", "schedule.toml").open("rb") as file:
        found = read_schedule(Path(file.name))
    assert found.jobs
    assert found.contrasts
    assert found.notify is not None


def test_every_key_is_documented(tmp_path: Path) -> None:
    text = files("ingest.schedule").joinpath("README.md").read_text(encoding="utf-8")
    for place, table in (("", ""), ("corpus.x.", "[corpus.x]"), ("contrast.x.", "[contrast.x]")):
        title = "at the top" if not place else f"in `[{place.split('.')[0]}.NAME]`"
        rows = text.partition(f"| {title} |")[2].partition("\n\n")[0].splitlines()[2:]
        documented = {key for row in rows for key in row.split("|")[1].replace("`", "").replace(",", " ").split()}
        said = mistakes(tmp_path, f"{table}\nqqqqqqqq = 1")
        (known,) = (line.partition("it may be ")[2] for line in said if line.startswith(f"{place}qqqqqqqq: "))
        assert documented == set(known.split(", ")), place
