"""Signing in and out: the limits on tries (signin.py), rotating tokens (tokens.py), how a request proves who sent it
(bearer.py, authentication.py), passwords (passwords.py, hashing.py), the admin's log-in (backends.py).
"""
