"""What keeps a served atlas safe: bounds on SQL, answers to hostile requests, headers, pages that tell no paths.

| module | guards |
|---|---|
| sql | an SQLite connection: what a statement may do, how large its values and its answer may be |
| bombs | SQLite's functions whose time grows with the product of their arguments |
| requests | what is refused before Datasette sees it, and the headers of every answer |
| hosts | the names that a server of this machine alone answers by |
| forms | the small forms of its own pages that a site takes where it keeps lists |
| whole | answers to programs: every row, or a refusal; the values of saved queries |
| mount | addresses behind a path prefix |
| policy | the Content-Security-Policy |
| errors | what a visitor is told when something fails |
| plugin | where Datasette calls these |

It applies to a published atlas only: another site that Datasette serves in the same environment stays as it is.
"""
