"""The exception tree: every error a user can cause or meet.

    AtlasError
    ├── AtlasFileError          the atlas file itself
    │   ├── AtlasMissingError   there is no such file
    │   ├── AtlasLockedError    another process has it open, or publishes to the site
    │   ├── AtlasVersionError   it was written by a newer version
    │   └── AtlasDamagedError   it is no atlas, or an invariant does not hold
    ├── SourceError             a document source: file, line, format
    ├── ModelError              a language model or SAE that cannot be loaded or used
    ├── ScheduleError           a schedule: its file, keys and values
    ├── MemoryLimitError        a limit of memory that is too small for what is asked
    ├── SelectionError          a corpus, domain, term, feature or contrast that names nothing
    └── QueryError              a saved query: its name, parameters or values

A message says what is wrong, where, and what to do. Only the command line
turns one into an exit code.
"""


class AtlasError(Exception):
    """Base of every error that the atlas raises on purpose."""


class AtlasFileError(AtlasError):
    """The atlas file cannot be used."""


class AtlasMissingError(AtlasFileError):
    """There is no atlas file at that path."""


class AtlasLockedError(AtlasFileError):
    """Another process has the atlas file open, or publishes to the site; `schema.locking` waits for either."""


class AtlasVersionError(AtlasFileError):
    """The atlas file was written by a newer version of the schema."""


class AtlasDamagedError(AtlasFileError):
    """The file is no atlas, or one of its invariants does not hold."""


class SourceError(AtlasError):
    """A document source cannot be read."""


class ModelError(AtlasError):
    """A language model or an SAE cannot be loaded or does not fit."""


class ScheduleError(AtlasError):
    """The file of a schedule cannot be read, or says something that cannot be done."""


class MemoryLimitError(AtlasError):
    """A limit of memory leaves too little to work in."""


class SelectionError(AtlasError):
    """A name or pattern selects nothing, or something that cannot be used."""


class QueryError(AtlasError):
    """A saved query is unknown, or its parameters do not fit."""
