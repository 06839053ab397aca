"""A language model behind an address that speaks OpenAI's chat completions, as most servers of models do."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from schema.errors import ModelError

SECONDS = 120
LONGEST = 2_000_000
"""Bytes of an answer that are read."""

OPENER = urllib.request.OpenerDirector()
"""Speaks to the address itself: it knows no proxy and follows no redirection, which would take the key elsewhere."""
for handler in (
    urllib.request.HTTPHandler(),
    urllib.request.HTTPSHandler(),
    urllib.request.HTTPErrorProcessor(),
    urllib.request.HTTPDefaultErrorHandler(),
):
    OPENER.add_handler(handler)


@dataclass(frozen=True)
class Endpoint:
    """The base of the address (.../v1), the model's name there, and the key that it asks for, if any."""

    base_url: str
    model: str
    api_key: str | None = None

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ModelError(f"{self.base_url} is no address of a model; it begins with http:// or https://")
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ModelError("the key holds characters that cannot be sent, such as an end of line; take them out")

    def answer(self, prompt: str) -> str:
        """What the model answers, at temperature 0.

        Raises:
            ModelError: it cannot be reached, refuses, or answers something else.
        """
        body = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}
        headers = {"Content-Type": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        address = f"{self.base_url.rstrip('/')}/chat/completions"
        try:
            request = urllib.request.Request(address, json.dumps(body).encode(), headers)
            with OPENER.open(request, timeout=SECONDS) as response:
                return _content(address, response.read(LONGEST))
        except urllib.error.HTTPError as error:
            with error:
                raise ModelError(f"{address} {_refusal(error)}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ModelError(f"{address} cannot be reached: {getattr(error, 'reason', error)}") from error


def _refusal(error: urllib.error.HTTPError) -> str:
    elsewhere = error.headers.get("Location")
    if elsewhere is not None and error.code < 400:
        return f"sends on to {elsewhere[:200]!r}, which nothing is sent to; give the address that answers itself"
    return f"refuses: {error.code} {error.reason}; check the address, model and key"


def _content(address: str, body: bytes) -> str:
    try:
        found: Any = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelError(f"{address} does not answer as chat completions do: {body[:80]!r}") from error
    if not isinstance(found, str) or not found.strip():
        raise ModelError(f"{address} answers nothing")
    return found.strip().encode("utf-8", "replace").decode()  # half a surrogate pair is no text
