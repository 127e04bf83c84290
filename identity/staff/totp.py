"""Codes of authenticator apps: TOTP (RFC 6238) with the parameters that every app knows."""

import base64
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_S = 30
DIGITS = 6
# Codes of the step before and after count too: the clocks of phones are off by some seconds.
WINDOW = (0, -1, 1)
_SECRET_BYTES = 20  # RFC 4226 recommends 160 bits.


def new_secret() -> str:
    """A secret in base32, as people type it into an app."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def code(secret: str, *, step: int) -> str:
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(typed: str, *, secret: str, at_s: float) -> int | None:
    """The time step that a typed code belongs to; None if no step in WINDOW around `at_s` has this code."""
    now = int(at_s) // STEP_S
    fitting = [now + off for off in WINDOW if hmac.compare_digest(code(secret, step=now + off), typed)]
    return fitting[0] if fitting else None


def url(secret: str, *, account: str, issuer: str = "AlertMe") -> str:
    """The text that an app reads (https://github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    query = urlencode({"secret": secret, "issuer": issuer, "digits": DIGITS, "period": STEP_S})
    return f"otpauth://totp/{quote(f'{issuer}:{account}')}?{query}"
