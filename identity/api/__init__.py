"""For the API of every app: requests and their fields (requests.py, fields.py, passwords.py, open.py), limits
(rates.py), Idempotency-Key (idempotency.py), ETags (versions.py), descriptions for the schema (openapi.py).
"""
