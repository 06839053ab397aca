"""The Content-Security-Policy: nothing from another host, and no script but those that Datasette brings."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

INLINE = {
    "_close_open_menus.html": ({},),
    "_codemirror_foot.html": ({},),
    "table.html": ({"{{ datasette_allow_facet }}": "true"}, {"{{ datasette_allow_facet }}": "false"}),
}
"""Datasette's templates that hold a script, and what stands in each for the words that its template language fills."""

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@cache
def page_policy(*, charts: bool) -> str:
    """The policy of a page; where a chart can be drawn, Vega compiles its expressions.

    Datasette writes styles into its pages, so styles may stand there; scripts are named by their hashes.
    """
    scripts = ["'self'", *inline_scripts(), *(["'unsafe-eval'"] if charts else [])]
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {' '.join(scripts)}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def inline_scripts() -> list[str]:
    """The hashes of the scripts that stand in Datasette's own templates."""
    templates = files("datasette") / "templates"
    hashes = []
    for name, variants in INLINE.items():
        for script in _SCRIPT.findall((templates / name).read_text(encoding="utf-8")):
            hashes += [_hash(_filled(script, variant)) for variant in variants]
    return hashes


def _filled(script: str, words: dict[str, str]) -> str:
    for marked, word in words.items():
        script = script.replace(marked, word)
    return script


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
