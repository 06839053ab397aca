"""A published atlas in the browser: its pages, Datasette's own tables, and what keeps both safe and quick."""
