"""An alert as one signed ZIP that a third person can check: its files (contents.py), a manifest with their
hashes, and its Ed25519 signature (bundle.py, signing.py).

The check (verification.py, archive.py, keys.py, `python -m alerts.exports`) needs neither Django nor a database.
"""
