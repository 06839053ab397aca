"""Jobs: what a command or a schedule asks for, done to an atlas; each leaves a row of `ingest_run`.

All have one shape. In the module `name` of a job:

    NameRequest                                     a frozen dataclass; its first field is the path of the atlas
    name(request, report)                           checks, loads the model with the atlas closed, opens it, and calls
    name_into(atlas, request[, loaded], report)     which does the job to an open atlas; a schedule calls it, too

`loaded` is what the request's `Reader` loads. `report` is told the `Progress`; `RunRecord` keeps the row.
"""
