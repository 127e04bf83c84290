"""Links to the page on which a number accepts, declines or blocks: one per consent. Only its token's hash is stored.

A token is derived from its consent, not drawn at random: a reminder repeats the link although no table holds it
(identity/derived.py).
"""

from datetime import datetime, timedelta

from django.conf import settings

from identity import derived
from identity.consent_models import ContactConsent

# A link opens for this long after the last text with it.
LIVES = timedelta(days=30)
_SALT = "alertme consent page"


def issue(consent: ContactConsent, *, now: datetime) -> str:
    """Set the consent's token, which is not saved yet; returns the URL for the text.

    A link that was texted before stays the same, also after SECRET_KEY was changed. If the earlier key is gone, a new
    link takes its place.
    """
    named = f"{consent.id} {consent.generation}"
    texted = consent.token_hash and derived.repeated(named, salt=_SALT, stored=consent.token_hash)
    token = texted or derived.token(named, salt=_SALT)
    consent.token_hash, consent.token_expires_at = derived.hash_of(token), now + LIVES
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
    if not derived.TOKEN.fullmatch(token):
        return None
    open_ones = ContactConsent.objects.select_related("user").filter(token_expires_at__gt=now)
    return open_ones.filter(token_hash=derived.hash_of(token)).first()
