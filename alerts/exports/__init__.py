"""Exports: an alert as one signed file that a third person can check. It is a ZIP with all that is known of the alert
(contents.py), a manifest with every file's hash, and the manifest's Ed25519 signature (bundle.py, signing.py).

Checking an export (verification.py, archive.py, `python -m alerts.exports`) needs neither Django nor a database.
"""
