"""Signing in and out: limits on tries (signin.py), rotating tokens (tokens.py), authentication of requests (bearer.py,
authentication.py), passwords (passwords.py, hashing.py), the admin's log-in (backends.py).
"""
