"""Signing in and out: limits on tries (signin.py, known_devices.py), rotating tokens (tokens.py), authentication of
requests (bearer.py, authentication.py), the list of sessions (open_sessions.py, origins.py), fresh proofs of the person
(freshness.py), passwords (passwords.py, hashing.py), the admin's password (backends.py).
"""
