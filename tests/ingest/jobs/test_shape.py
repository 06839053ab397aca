"""Jobs have one shape: whoever knows one knows them all, and commands and the schedule call them alike."""

import inspect
import pkgutil
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest

import ingest.jobs

SHARED = {"progress", "reader", "run_record"}
JOBS = sorted({module.name for module in pkgutil.iter_modules(ingest.jobs.__path__)} - SHARED)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_a_request_then_loaded_then_done_into_an_open_atlas(name: str) -> None:
    module = import_module(f"ingest.jobs.{name}")
    request = getattr(module, f"{name.title().replace('_', '')}Request")
    assert is_dataclass(request)
    assert vars(request)["__dataclass_params__"].frozen
    names = [field.name for field in fields(request)]
    assert names[0] == "atlas"
    assert list(inspect.signature(getattr(module, name)).parameters) == ["request", "report"]
    into = list(inspect.signature(getattr(module, f"{name}_into")).parameters)
    loaded = ["loaded"] if "reader" in names else []
    assert into[: len(loaded) + 3] == ["atlas", "request", *loaded, "report"]


def test_there_are_the_jobs_that_commands_name() -> None:
    assert {"contrast", "evaluate", "explain", "ingest", "neighbours", "remove"} <= set(JOBS)
