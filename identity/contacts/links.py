"""Links to the page on which a number accepts, declines or blocks: one for each consent. The hash of its token is kept.

A token is derived from its consent, not drawn at random: a reminder repeats the link although no table holds it.
"""

import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.utils.crypto import salted_hmac

from identity.consent_models import ContactConsent

# A link opens for this long after the last text with it.
LIVES = timedelta(days=30)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits in base64 without padding


def issue(consent: ContactConsent, *, now: datetime) -> str:
    """Set the consent's token, which is not saved yet; returns the URL for the text."""
    token = _derive(consent)
    consent.token_hash, consent.token_expires_at = _hash(token), now + LIVES
    return f"{settings.LINK_BASE_URL}/c/{token}"


def revoke(consent_ids: list[str], *, now: datetime) -> int:
    """Close the links of these consents for good; the next text holds another one. Returns how many were open."""
    revoked = 0
    for consent in ContactConsent.objects.filter(id__in=consent_ids, token_expires_at__gt=now):
        consent.generation, consent.token_hash, consent.token_expires_at = consent.generation + 1, None, None
        consent.save(update_fields=["generation", "token_hash", "token_expires_at"])
        revoked += 1
    return revoked


def opened(token: str, *, now: datetime) -> ContactConsent | None:
    """The consent that this token opens, with its person. None if it is malformed, unknown, revoked or expired."""
    if not _TOKEN.fullmatch(token):
        return None
    open_ones = ContactConsent.objects.select_related("user").filter(token_expires_at__gt=now)
    return open_ones.filter(token_hash=_hash(token)).first()


def _derive(consent: ContactConsent) -> str:
    digest = salted_hmac("alertme consent page", f"{consent.id} {consent.generation}", algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _hash(token: str) -> bytes:
    # No salt is needed: nobody can guess 128 bits.
    return sha256(token.encode()).digest()
