"""A feature in the contrasts: its numbers, and what speaks for it and against, in sentences a reader can check."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from atlas.site.pages.addresses import contrast_address
from atlas.site.pages.contrast.evidence import STALE
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.figures import count, figure, percent, rough, visible_in_page
from atlas.site.pages.rows import Row

HEADING = "Contrasts"
BEHIND = ("feature_contrast", "feature_confirmation", "feature_pair", "feature_evidence", "feature_domain")
LEVEL = 0.05
"""The largest q that counts as found."""
CHANCE = 0.5
GOOD = 0.8
"""Precision from which the threshold's calls speak for a feature; below CHANCE, precision or recall speaks against."""
CONCENTRATED = 0.5
"""Share of active tokens on one token from which a feature may be about a word."""
DOMAINS_NAMED = 3

Contrast = Mapping[str, Any]
Judgement = tuple[bool, str] | None
"""Whether it speaks for the feature, and the sentence; None where there is nothing to say."""


async def read(about: Feature) -> Record | None:
    """Each contrast in which it fires; None where there is none."""
    found = await about.rows("contrasts/rows")
    if not found:
        return None
    domains = await about.rows("contrasts/domains")
    return {
        "contrasts": [
            _contrast(about, contrast, [row for row in domains if row["contrast"] == contrast["contrast"]])
            for contrast in found
        ]
    }


def _contrast(about: Feature, contrast: Row, domains: list[Row]) -> Row:
    named = {side: ", ".join(map(str, json.loads(contrast[side]))) for side in ("positive", "control")}
    numbers = {**contrast, **named, "study_kept": bool(contrast["study_kept"])}
    return {
        **numbers,
        "is_fms_root": contrast["fms_root"] == about.index,
        "domains": [{name: value for name, value in row.items() if name != "contrast"} for row in domains],
        "evidence": evidence_on_feature_page(numbers, domains),
        "address": contrast_address(about.datasette, contrast["name"], about.sae["name"]),
        "rows": {table: about.rows_behind(table, contrast=contrast["contrast"]) for table in BEHIND},
    }


def evidence_on_feature_page(contrast: Contrast, domains: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The sentences for and against."""
    judged = [_stale(contrast), *(judge(contrast) for judge in JUDGES), _domains(contrast, domains)]
    said = [judgement for judgement in judged if judgement is not None]
    return {"for": _side(said, True), "against": _side(said, False)}


def _side(said: Iterable[tuple[bool, str]], favourable: bool) -> list[str]:
    return [sentence for speaks_for, sentence in said if speaks_for == favourable]


def _stale(contrast: Contrast) -> Judgement:
    return (False, STALE) if contrast["stale"] else None


def _found(contrast: Contrast) -> Judgement:
    q, auroc = contrast["q"], contrast["auroc"]
    if q is None:
        return None if contrast["stale"] else (False, "It fires in too few documents to be tested.")
    numbers = f"AUROC {figure(auroc)}, q {rough(q)}"
    if q > LEVEL:
        return False, f"Over all documents it cannot be told from chance: {numbers}."
    if auroc > CHANCE:
        return True, f"Over all documents it is stronger on {contrast['positive']}: {numbers}."
    return False, f"Over all documents it is stronger on {contrast['control']}: {numbers}."


def _confirmed(contrast: Contrast) -> Judgement:
    low, high = contrast["auroc_low"], contrast["auroc_high"]
    if low is None:
        return False, "It has no interval: too few groups of documents are held out, or it fires in too few of them."
    interval = f"AUROC {figure(contrast['auroc_confirmation'])}, 95 % interval {figure(low)} to {figure(high)}"
    if low > CHANCE:
        return True, f"On held-out documents it is stronger there too: {interval}."
    if high < CHANCE:
        return False, f"On held-out documents it is stronger on {contrast['control']}: {interval}."
    return False, f"On held-out documents it cannot be told from chance: {interval}."


def _matched(contrast: Contrast) -> Judgement:
    higher, lower, q = contrast["higher"], contrast["lower"], contrast["pair_q"]
    if higher is None:
        return None
    pairs = (
        f"Of pairs of documents of one template, {count(higher)} are higher on the positive side, {count(lower)} lower"
    )
    if q is None:
        return None if contrast["stale"] else (False, f"{pairs}: too few differ to be tested.")
    return q <= LEVEL and contrast["share_higher"] > CHANCE, f"{pairs} (q {rough(q)})."


def _precise(contrast: Contrast) -> Judgement:
    precision, recall = contrast["precision"], contrast["recall"]
    if precision is None or recall is None:
        return None
    sentence = (
        f"At a threshold chosen on other documents, {percent(precision)} of the held-out documents it calls are "
        f"positive (precision), and it calls {percent(recall)} of the positive ones (recall)."
    )
    if min(precision, recall) < CHANCE:
        return False, sentence
    return (True, sentence) if precision >= GOOD else None


def _covers(contrast: Contrast) -> Judgement:
    coverage = contrast["term_coverage"]
    if coverage is None:
        return None
    sentence = f"It fires on the term itself for {count(contrast['terms'])} of {count(contrast['terms_in_all'])} terms."
    return coverage >= CHANCE, sentence


def _concentrated(contrast: Contrast) -> Judgement:
    share = contrast["top_token_share"]
    if share is None or contrast["top_token"] is None:
        return None
    token = visible_in_page(contrast["top_token"]).strip()
    if share >= CONCENTRATED:
        return False, f"{percent(share)} of its activations fall on one token, “{token}”: it may be about that word."
    return True, f"No one token has most of its activations: “{token}”, the most frequent, has {percent(share)}."


def _domains(contrast: Contrast, domains: Sequence[Mapping[str, Any]]) -> Judgement:
    """The control domains that it takes for positive most often, where there are such mistakes."""
    mistaken = sorted((domain for domain in domains if domain["called"]), key=lambda domain: -domain["called"])
    if not mistaken or contrast["precision"] is None:
        return None
    called, held_out = (sum(domain[name] or 0 for domain in domains) for name in ("called", "documents_confirmation"))
    most = ", ".join(f"{domain['domain']} {count(domain['called'])}" for domain in mistaken[:DOMAINS_NAMED])
    more = " and others" if mistaken[DOMAINS_NAMED:] else ""
    return False, f"It also calls {count(called)} of {count(held_out)} held-out control documents: {most}{more}."


JUDGES: tuple[Callable[[Contrast], Judgement], ...] = (_found, _confirmed, _matched, _precise, _covers, _concentrated)
