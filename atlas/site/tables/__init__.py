"""Datasette's own pages of tables and queries, made better: cells, paging, search, how to run the same elsewhere."""
