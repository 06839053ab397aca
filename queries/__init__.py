"""What is asked: one saved query a .sql file, their loader, parameters and runner.

with open_atlas("atlas.duckdb", read_only=True) as atlas:
    table = run_query(atlas, "candidates", {"limit": 10})
"""

from queries.parameters import Parameter
from queries.runner import run_query
from queries.saved import GROUPS, SavedQuery, find_query, saved_queries

__all__ = ["GROUPS", "Parameter", "SavedQuery", "find_query", "run_query", "saved_queries"]
