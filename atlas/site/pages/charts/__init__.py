"""Charts drawn on the server: numbers in, SVG out, and beside each chart what it shows in words.

Nothing here reads a database; `chart` alone knows addresses.
"""
