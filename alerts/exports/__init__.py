"""An alert as one signed file that a third person can check: a ZIP with what is known of it (contents.py), a manifest
of every file's hash and its Ed25519 signature (bundle.py, signing.py).

What checks it (verification.py, archive.py, `python -m alerts.exports`) needs neither Django nor a database.
"""
