"""Corpora, documents, their windows and tokens."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from schema.tables.base import key_column, metadata, unchecked_key_column

corpus = Table(
    "corpus",
    metadata,
    key_column("corpus", "Key"),
    Column("name", String, nullable=False, unique=True, comment="Name: STEM or STEM/DOMAIN of its source"),
    Column("domain", String, nullable=False, comment="What its documents are about"),
    comment="A named collection of documents of one domain",
)

document = Table(
    "document",
    metadata,
    key_column("document", "Key"),
    unchecked_key_column("corpus", "Corpus it is in"),
    Column("external_id", String, nullable=False, comment="Its name at its source"),
    Column("text", String, nullable=False, comment="The whole text"),
    Column("source", String, nullable=False, comment="Where it comes from"),
    Column("licence", String, comment="Licence of the text"),
    Column("attribution", String, comment="Whom the licence asks to be named"),
    Column("term", String, comment="The concept that the text names, if marked"),
    Column("term_start", Integer, comment="First character of the term"),
    Column("term_end", Integer, comment="Character after the term"),
    Column("template", String, comment="Sentence template shared with documents of other corpora"),
    Column(
        "group_name", String, comment="The whole it is a piece of (a book, a law, a patient); NULL: it stands alone"
    ),
    Column("content_hash", String, nullable=False, comment="BLAKE2b-128 of the text, hexadecimal"),
    Column("folder", String, comment="Folder it was first read from, seen from the atlas; NULL: its corpus was named"),
    UniqueConstraint("corpus", "content_hash"),
    CheckConstraint("term IS NULL OR (0 <= term_start AND term_start < term_end)", name="document_term_span"),
    comment="One text of a corpus",
)

document_field = Table(
    "document_field",
    metadata,
    unchecked_key_column("document", "Document"),
    Column(
        "name", String, nullable=False, comment="Name of the field at its source, asked for by atlas ingest --field"
    ),
    Column("value", Double, nullable=False, comment="Its value"),
    PrimaryKeyConstraint("document", "name"),
    comment="A number that a document's record bears, such as its year",
)

context = Table(
    "context",
    metadata,
    key_column("context", "Key"),
    unchecked_key_column("document", "Document it is a window of"),
    unchecked_key_column("tokenization", "How it was cut"),
    Column("ordinal", Integer, nullable=False, comment="Number of the window in its document, from 0"),
    Column("tokens", SmallInteger, nullable=False, comment="Tokens, BOS left out"),
    Column(
        "sampled",
        Boolean,
        nullable=False,
        comment="The one window of its document chosen by hash, a long one more often",
    ),
    Column(
        "content_hash",
        BigInteger,
        nullable=False,
        comment="Hash of document text and ordinal: the order of unbiased samples",
    ),
    CheckConstraint("tokens > 0", name="context_tokens"),
    comment="A window of a document; windows do not overlap",
)

token = Table(
    "token",
    metadata,
    unchecked_key_column("context", "Window"),
    Column(
        "position",
        SmallInteger,
        nullable=False,
        comment="Position in the window; 0 is BOS where it is prepended, and has no row",
    ),
    Column("token_id", Integer, nullable=False, comment="Token id"),
    Column("text", String, nullable=False, comment="Text of the token"),
    Column("char_start", Integer, nullable=False, comment="First character in the document"),
    Column("char_end", Integer, nullable=False, comment="Character after it; spans of a split character overlap"),
    comment="Each token with its character span",
)
