"""The database `activations`: the published DuckDB file as a Datasette database.

    plugin       Datasette's hooks: finds the file, marks requests that carry people's own SQL
    database     datasette.database.Database: introspection from its empty shadow in SQLite, data from the pools
    translate    Datasette's SQL in DuckDB's words
    ordering     the order of a table's pages
    pool         workers, started when needed and replaced when lost
    child        one of them: the process, the pipes, the deadline
    worker       the child process that runs SQL, locked down and limited
    values       its limits, what it sends of a DuckDB value, and what Datasette gets of an answer

No SQL reaches DuckDB in the server's own process: a memory limit or an interrupt does not
hold there, and one statement could stop every page.
"""
