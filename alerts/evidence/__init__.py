"""Recordings and photos of an alert: how they come in, what is refused, where they lie, who may see them, how long.

The way of a file: a row (uploads.py), bytes in the spool (spool.py), checked by content (formats/), moved into the
storage under a random name, a row of its own (keeping.py). What breaks off on the way is purged (retention.py).
"""
