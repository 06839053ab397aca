"""Serving a site with Datasette 0.65, in this process: one port, always the current snapshot, until Ctrl-C.

| module | holds |
|---|---|
| generation | one snapshot's Datasette: opened and warmed, counted while it answers, closed after the last answer |
| front | the application that a server calls: the current generation, and the watch for the next one |
| server | the socket, its address, and the server around them |
"""

from atlas.site.serve.dispatch import Front, served_snapshot_folder
from atlas.site.serve.generation import Generation, datasette_of
from atlas.site.serve.server import browser_url, listening_socket, serve

__all__ = ["Front", "Generation", "browser_url", "datasette_of", "listening_socket", "serve", "served_snapshot_folder"]
