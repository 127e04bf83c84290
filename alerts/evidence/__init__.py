"""Receives, checks, stores, serves and erases the recordings and photos of an alert.

The path of a file: a row (uploads.py), bytes in the spool (spool.py), checked by content (formats/), moved into the
storage under a random name with a row of its own (keeping.py), read by a URL that expires (signed_urls.py, serving.py).
Expired uploads are deleted, and evidence of alerts that ended long ago is erased (retention.py).
"""
