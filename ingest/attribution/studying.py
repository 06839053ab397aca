"""The study's rule, as it ran, beside explanations that are stored: slow, so asked for apart."""

import json
from collections.abc import Callable, Sequence

from ingest.attribution.study_filter import study_rule, study_values
from ingest.attribution.subject import Subject
from ingest.jobs.runs import RunRecord


def add_study_rule(
    record: RunRecord, subject: Subject, explanations: Sequence[int], report: Callable[[int, int], None]
) -> int:
    """Run the study's rule on each explained prompt that names a term and was not judged by it yet; how many.

    A prompt is a transaction of its own. `report` is told how many of the prompts are done.
    """
    rows = record.atlas.rows(
        """
        SELECT explanation, text
        FROM prompt_filter
        JOIN explanation USING (explanation)
        WHERE explanation IN (SELECT UNNEST($1))
          AND study_kept IS NULL
        ORDER BY explanation
        """,
        [list(explanations)],
    )
    sql = "UPDATE prompt_filter SET study_tokens = $2, study_kept = $3 WHERE explanation = $1"
    for done, (explanation, text) in enumerate(rows, start=1):
        values, tokens = study_values(subject.gpt2, subject.model.tokenizer, text)
        looked_at, kept = study_rule(values, tokens, text)
        with record.atlas.transaction():
            record.start()
            record.atlas.duckdb.execute(sql, [explanation, json.dumps(looked_at, ensure_ascii=False), kept])
        report(done, len(rows))
    return len(rows)
