"""What does not go together in a schedule, and what it names that is not there."""

import shutil
from collections.abc import Iterator
from itertools import permutations

from ingest.contrasts.selection import CONDITIONS
from ingest.models.names import parse_sae_name
from ingest.schedule.config import Contrast, Job, Schedule
from ingest.schedule.fields import hint_near_schedule_fields, toml_key
from ingest.sources import source_stem
from schema.atlas_file import check_path
from schema.errors import AtlasError


def schedule_disagreements(schedule: Schedule) -> Iterator[str]:
    """A line for each two things that a schedule cannot have both: key, what is wrong, what to do."""
    for job in schedule.jobs:
        yield from (f"corpus.{toml_key(job.name)}{line}" for line in _of_job(schedule, job))
    for contrast in schedule.contrasts:
        yield from (f"contrast.{toml_key(contrast.name)}{line}" for line in _of_contrast(contrast))
    for one, other in permutations(schedule.jobs, 2):
        if one.domain is None and other.name.startswith(f"{one.name}/"):
            yield (
                f"corpus.{toml_key(other.name)}: corpus.{toml_key(one.name)} has no domain and so writes every corpus "
                f"'{one.name}/DOMAIN', this one too; give it a domain, or rename one of the two"
            )


def _of_job(schedule: Schedule, job: Job) -> Iterator[str]:
    kind, equals, _ = job.name.partition("=")
    if equals and kind in CONDITIONS:
        yield f": a name that begins with {kind}= means something else in a contrast; choose another"
    for name in job.contrasts:
        if all(name != contrast.name for contrast in schedule.contrasts):
            known = [contrast.name for contrast in schedule.contrasts]
            yield f".contrasts: there is no [contrast.{toml_key(name)}]; {hint_near_schedule_fields(name, known)}"
    if job.publish and schedule.site is None:
        yield '.publish: it is not said where to; add [publish] with site = "site"'
    if job.gone == "drop" and job.limit is not None:
        yield ".limit: what lies beyond it would be dropped as gone; leave it out, or say gone = 'keep'"
    if "-" in job.sources:
        yield from _of_stdin(job)


def _of_stdin(job: Job) -> Iterator[str]:
    if job.when.timing is not None:
        yield ".sources: '-' (stdin) is read under --once alone; leave cron and every out, also of [defaults]"
    if job.gone == "drop":
        yield ".gone: a stream that ends early looks like a whole one; say gone = 'keep' where '-' is read"


def _of_contrast(contrast: Contrast) -> Iterator[str]:
    asked = [contrast.positive or contrast.control, contrast.target, contrast.classes]
    if sum(map(bool, asked)) > 1:
        yield ": it asks two things; keep positive and control, or target, or classes"
    if contrast.corpora and contrast.target is None:
        yield ".corpora: it says whose documents a target is asked of; add target, or take it out"
    if contrast.best and not contrast.two_sided:
        yield ".explain: features are explained on the positive documents of two sides; take it out"
    for name in sorted(set(contrast.positive) & set(contrast.control)):
        yield f".control: '{name}' is on both sides; take it out of one"


def schedule_absences(schedule: Schedule) -> Iterator[str]:
    """A line for each file, SAE or program that a schedule names and that is not there now."""
    try:
        check_path(schedule.atlas, create=True)
    except AtlasError as error:
        yield f"atlas: {error}"
    for name in schedule.reader.saes:
        try:
            parse_sae_name(name)
        except AtlasError as error:
            yield f"saes: {error}"
    for job in schedule.jobs:
        for source in job.sources:
            try:
                source_stem(source)
            except AtlasError as error:
                yield f"corpus.{toml_key(job.name)}.sources: {error}"
    if schedule.notify and schedule.notify.command and shutil.which(schedule.notify.command[0]) is None:
        yield f"notify.command: there is no program {schedule.notify.command[0]}; check its name, path and permissions"
