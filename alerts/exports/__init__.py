"""An alert as one signed ZIP that a third person can check: its files (contents.py), a manifest with their hashes
(bundle.py), and the manifest's Ed25519 signature (signing.py).

The check (verification.py, archive.py, keys.py, `python -m alerts.exports`) needs neither Django nor a database.
"""
