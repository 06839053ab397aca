"""Features of an atlas as other tools show them: figures, logit tokens, windows with the activation of every token."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from schema.statements import sql_file
from schema.store import Atlas

AT_ONCE = 64
"""Features in memory at a time: with 40 windows of 128 tokens each, some 300,000 tokens."""

BARS = 50
LIMITS = {"top_windows": 20, "octave_windows": 5}

SPELLED = ("pos_str", "neg_str")
"""Logit tokens, which are said of a feature only where their export spells them otherwise than as text."""

Weights = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Window:
    """A window of text that shows a feature: its tokens, BOS left out, and the activation on each.

    bin_min, bin_max and bin_contains are the interval that it stands for, and that interval's share of the tokens; of
    the strongest windows -1, the feature's maximum and -1. peak is the index of the token that it was chosen by. An
    import may not say them.
    """

    tokens: Sequence[str]
    values: Sequence[float]
    bin_min: float | None
    bin_max: float | None
    bin_contains: float | None
    peak: int | None


@dataclass(frozen=True)
class FeatureRecord:
    """What an atlas knows of a feature that other tools have a place for.

    density is over all tokens read; histogram has the middles and heights of BARS equal bars from the least activation
    to the largest; neighbours are (feature, cosine of the decoder rows); said is what the export said that it was
    imported from, under that export's names: it stands in the place of what the windows shown would give.
    """

    feature: int
    density: float
    max_activation: float
    raised: Weights
    lowered: Weights
    histogram: tuple[Sequence[float], Sequence[float]] = ((), ())
    neighbours: Sequence[tuple[int, float]] = ()
    windows: Sequence[Window] = field(default=(), repr=False)
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)


def dashboard_fields(record: FeatureRecord) -> dict[str, Any]:
    """What Neuronpedia and SAEDashboard say of a feature under the same names; what an atlas does not hold is empty."""
    middles, heights = record.histogram
    return {
        "neuron_alignment_indices": [],
        "neuron_alignment_values": [],
        "neuron_alignment_l1": [],
        "correlated_neurons_indices": [],
        "correlated_neurons_l1": [],
        "correlated_neurons_pearson": [],
        "decoder_weights_dist": [],
        "neg_str": [token for token, _ in record.lowered],
        "neg_values": [weight for _, weight in record.lowered],
        "pos_str": [token for token, _ in record.raised],
        "pos_values": [weight for _, weight in record.raised],
        "frac_nonzero": record.density,
        "freq_hist_data_bar_values": middles,
        "freq_hist_data_bar_heights": heights,
        "logits_hist_data_bar_heights": [],
        "logits_hist_data_bar_values": [],
    }


def feature_records(atlas: Atlas, sae: int) -> Iterator[FeatureRecord]:
    """Every feature of an SAE in the order of its index, AT_ONCE in memory at a time, spelled as imported."""
    ((highest, imported),) = atlas.rows(
        """
        SELECT COALESCE(MAX(feature), -1), EXISTS (FROM sae_import WHERE sae = $sae AND format <> 'delphi')
        FROM feature
        WHERE sae = $sae
        """,
        {"sae": sae},
    )
    asked = export_statements(imported=imported)
    if imported:
        asked = asked | {"tokens": f"{_shown(imported=True)}{_sql('tokens_imported')}"}
    for first in range(0, highest + 1, AT_ONCE):
        values = export_values(sae, first, first + AT_ONCE - 1)
        rows = {name: atlas.rows(sql, export_statement_values(sql, values)) for name, sql in asked.items()}
        yield from exported_records(rows, as_spelled=True)


@cache
def export_statements(*, imported: bool) -> dict[str, str]:
    """What is asked of an atlas about the features of a range, by name; `exported_records` takes the rows.

    The windows are those that an export showed, where the SAE was imported.
    """
    shown = _shown(imported=imported)
    return {
        "said": _sql("said"),
        "shown": shown
        + "SELECT feature, context, position, bin_min, bin_max, bin_contains FROM shown ORDER BY 1, place",
        "tokens": shown + _sql("tokens"),
        "values": shown + _sql("values"),
        "histogram": _sql("histogram"),
        "neighbours": _sql("neighbours"),
        "figures": _sql("figures"),
    }


def _shown(*, imported: bool) -> str:
    return f"WITH shown AS (\n{_sql('windows_imported' if imported else 'windows')})\n"


def export_values(sae: int, first: int, last: int) -> dict[str, int]:
    """The values of all statements."""
    return {"sae": sae, "first": first, "last": last, "bars": BARS, **LIMITS}


def export_statement_values(sql: str, values: Mapping[str, int]) -> dict[str, int]:
    """Those values that a statement asks for."""
    return {name: value for name, value in values.items() if f"${name}" in sql}


def exported_records(
    rows: Mapping[str, Iterable[Sequence[Any]]], *, as_spelled: bool = False
) -> Iterator[FeatureRecord]:
    """The features out of the rows of each statement; lists may stand there as JSON.

    Logit tokens are texts, or as an export spelled them.
    """
    said = {feature: row for feature, *row in rows["said"]}
    windows, bars, near = _windows(rows), _histograms(rows["histogram"]), _neighbours(rows["neighbours"])
    for feature, density, largest, raised, lowered in rows["figures"]:
        known_density, known_largest, told = said.get(feature, (None, None, "{}"))
        rest = {name: value for name, value in json.loads(told).items() if as_spelled or name not in SPELLED}
        yield FeatureRecord(
            feature,
            density if known_density is None else known_density,
            largest if known_largest is None else known_largest,
            _weights(raised),
            _weights(lowered),
            bars.get(feature, ((), ())),
            near[feature],
            windows[feature],
            rest,
        )


def _windows(rows: Mapping[str, Iterable[Sequence[Any]]]) -> dict[int, list[Window]]:
    """The windows of each feature, in their order."""
    tokens = {context: (first, _list(texts)) for context, first, texts in rows["tokens"]}
    fired = {
        (feature, context): dict(zip(_list(positions), _list(values), strict=True))
        for feature, context, positions, values in rows["values"]
    }
    found: dict[int, list[Window]] = defaultdict(list)
    for feature, context, peak, low, high, share in rows["shown"]:
        first, texts = tokens[context]
        held = fired.get((feature, context), {})
        values = [held.get(position, 0.0) for position in range(first, first + len(texts))]
        found[feature].append(Window(texts, values, low, high, share, None if peak is None else peak - first))
    return found


def _histograms(rows: Iterable[Sequence[Any]]) -> dict[int, tuple[list[float], list[float]]]:
    found: dict[int, tuple[list[float], list[float]]] = {}
    for feature, least, largest, bins, counts in rows:
        width = (largest - least) / BARS
        heights = [0.0] * (BARS if width else 1)
        for place, count in zip(_list(bins), _list(counts), strict=True):
            heights[place] = float(count)
        found[feature] = [round(least + (place + 0.5) * width, 5) for place in range(len(heights))], heights
    return found


def _neighbours(rows: Iterable[Sequence[Any]]) -> dict[int, list[tuple[int, float]]]:
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for feature, other, cosine in rows:
        found[feature].append((other, cosine))
    return found


def _list(value: Any) -> list[Any]:
    found: list[Any] = json.loads(value) if isinstance(value, str) else value
    return found


def _weights(text: str) -> list[tuple[str, float]]:
    return [(token, weight) for token, weight in json.loads(text)]


@cache
def _sql(name: str) -> str:
    return sql_file("atlas.exchange.sql", name)
