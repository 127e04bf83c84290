"""Recordings and photos of an alert: how they come in, what is refused, where they lie, who may see them, how long.

The way of a file: a row (uploads.py), bytes in the spool (spool.py), checked by content (formats/), moved into the
storage under a random name with a row of its own (keeping.py), read by a URL that expires (signed_urls.py, serving.py).
Uploads that break off and evidence that is too old are purged (retention.py).
"""
