"""The Hugging Face hub: reached quickly, or said to be out of reach quickly."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

import huggingface_hub.constants
import huggingface_hub.errors

from schema.errors import ModelError

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds to wait for the hub before working from what is on this machine."""
OWNERS = {"openai-community": "gpt2", "distilbert": "distilgpt2"}
"""Who owns models that had no owner in their name once: the hub knows them by both names, its cache by one."""


@cache
def hub_is_reachable() -> bool:
    """Whether the hub answers at all; asked once a process."""
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    address = urlsplit(huggingface_hub.constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def is_cached(name: str) -> bool:
    """Whether the cache on this machine has a model of that name."""
    return isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json"), str)


def hub_names(name: str) -> list[str]:
    """The names by which the hub, and its cache, may know a model, the official one first."""
    from transformer_lens.loading_from_pretrained import get_official_model_name

    try:
        official = str(get_official_model_name(name))
    except ValueError:
        return [name]
    return [official, *(f"{owner}/{official}" for owner, owned in OWNERS.items() if official.startswith(owned))]


def loadable_name(name: str) -> str:
    """The name to load a model by: the first one that can be had here."""
    names = hub_names(name)
    return next((one for one in names if hub_is_reachable() or is_cached(one)), names[0])


@contextmanager
def hub_access(what: str, folder_option: str) -> Iterator[None]:
    """Load something from the hub, or from its cache when the hub is out of reach.

    Raises:
        ModelError: it is not on this machine and cannot be fetched; says what to do.
    """
    if not hub_is_reachable():
        log.info("the Hugging Face hub is out of reach: using its cache only")
        huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        if hub_is_reachable():
            reason = str(error).splitlines()[0]
        else:
            reason = "the Hugging Face hub cannot be reached and it is not in the cache on this machine"
        raise ModelError(
            f"{what} cannot be loaded: {reason}. The embedded model works offline (--sae pocket); "
            f"local folders work too ({folder_option})"
        ) from error
