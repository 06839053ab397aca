"""What was done to the atlas, when, and by which versions."""

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, DateTime, Float, Integer, String, Table

from schema.tables.base import key_column, metadata

migration = Table(
    "migration",
    metadata,
    key_column("migration", "Number of the migration"),
    Column("name", String, nullable=False, comment="Name of the migration module"),
    Column("applied_at", DateTime, nullable=False, comment="When it was applied (UTC)"),
    comment="Schema migrations applied to this file",
)

method_revision = Table(
    "method_revision",
    metadata,
    Column("method", String, primary_key=True, comment="What is computed: contrast, steering, graph, ..."),
    Column("revision", Integer, nullable=False, comment="Raised when the method gives other values for the same input"),
    comment="Revision of each method that the rows of this file were computed by",
)

CHANGES = {
    "updated": "Known documents of which the source now says something else",
    "replaced": "Older versions removed: their id names another text now",
    "dropped": "Documents removed that are in no source any more",
    "repeated": "Records passed over whose text the run had read before",
}

ingest_run = Table(
    "ingest_run",
    metadata,
    key_column("ingest_run", "Key"),
    Column("command", String, nullable=False, comment="What ran: ingest, contrast, remove, ..."),
    Column("status", String, nullable=False, comment="running, done or failed"),
    Column("started_at", DateTime, nullable=False, comment="Start (UTC)"),
    Column("finished_at", DateTime, comment="End (UTC); NULL while running or after a kill"),
    Column("arguments", JSON, nullable=False, comment="Arguments of the job"),
    Column("versions", JSON, nullable=False, comment="Versions of Python and the packages used"),
    Column("device", String, nullable=False, comment="Where the model ran"),
    Column("documents", Integer, nullable=False, default=0, comment="Documents encoded"),
    Column("documents_known", Integer, nullable=False, default=0, comment="Documents already encoded"),
    Column("documents_skipped", Integer, nullable=False, default=0, comment="Bad documents skipped"),
    Column("tokens", BigInteger, nullable=False, default=0, comment="Tokens encoded, BOS left out"),
    Column("activations", BigInteger, nullable=False, default=0, comment="Activation rows written"),
    Column("seconds", Float(53), comment="Wall-clock seconds"),
    Column("tokens_per_second", Float(53), comment="Throughput over the whole run"),
    Column("error", String, comment="The error that ended a failed run"),
    *(
        Column(f"documents_{name}", Integer, default=0, comment=f"{comment}; NULL in runs that did not count them")
        for name, comment in CHANGES.items()
    ),
    CheckConstraint("status IN ('running', 'done', 'failed')", name="ingest_run_status"),
    comment="One job: what ran, when, with which versions, and how it went",
)

scheduled_run = Table(
    "scheduled_run",
    metadata,
    key_column("scheduled_run", "Key"),
    Column("job", String, nullable=False, comment="Name of the job in the schedule"),
    Column("planned_at", DateTime, nullable=False, comment="When it was due (UTC), jitter left out"),
    Column("started_at", DateTime, comment="Start (UTC); NULL where it was skipped"),
    Column("finished_at", DateTime, comment="End (UTC); NULL while running or after a kill"),
    Column("attempt", Integer, nullable=False, comment="1 at the time it was due, more where it was tried again"),
    Column(
        "missed", Integer, nullable=False, default=0, comment="Earlier due times that passed and are folded into it"
    ),
    Column("status", String, nullable=False, comment="running, done, failed, stopped (by a signal) or skipped"),
    Column(
        "reason", String, comment="Why it was skipped, what ended it, or what a run that is done had to leave undone"
    ),
    Column(
        "ingest_run",
        Integer,
        comment="Its run of the ingest; NULL where it was skipped, or ended before that was done",
        info={"references": "ingest_run"},
    ),
    CheckConstraint("status IN ('running', 'done', 'failed', 'stopped', 'skipped')", name="scheduled_run_status"),
    comment="One due time of a scheduled job, and what came of it",
)
