"""Parts of the API that every app uses: requests and their fields (requests.py, fields.py, passwords.py, open.py),
limits (rates.py), Idempotency-Key (idempotency.py), ETags (versions.py), descriptions for OpenAPI (openapi.py).
"""
