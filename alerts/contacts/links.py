"""The links to the contacts' page: one for each contact and alert, 128 bits, of which only a hash is stored.

A token is derived, not drawn: a later text can name the link again though no table holds it.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils.crypto import salted_hmac

from alerts.models import ActivityTimer, ContactLink, Notification
from identity.models import EmergencyContact
from messaging.database.sql import rows

TOKEN_LENGTH = 22  # 128 bits in base64 without padding
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
# Contacts come back to what happened, and to the recording, for some days; a stolen phone's old SMS shows nothing.
KEPT_AFTER_END = timedelta(days=7)
# Of an alert that nobody ever ends.
LONGEST_LIFE = timedelta(days=30)

_ISSUE = """
INSERT INTO alerts_contactlink (alert_id, contact_id, generation, token_hash, created_at, expires_at)
SELECT alert, contact, %(generation)s, hash, %(now)s, %(expires)s
FROM unnest(%(alerts)s::uuid[], %(contacts)s::uuid[], %(hashes)s::bytea[]) AS i (alert, contact, hash)
ON CONFLICT DO NOTHING
"""


def issue(invited: Iterable[tuple[UUID, UUID]], *, now: datetime, generation: int = 0) -> dict[tuple[UUID, UUID], str]:
    """A link for each (alert, contact) by one statement; returns the tokens. Issuing again changes nothing.

    Call inside the transaction that queues the texts with the links.
    """
    tokens = {(alert_id, contact_id): _derive(alert_id, contact_id, generation) for alert_id, contact_id in invited}
    rows(
        _ISSUE,
        {
            "alerts": [alert_id for alert_id, _ in tokens],
            "contacts": [contact_id for _, contact_id in tokens],
            "hashes": [_hash(token) for token in tokens.values()],
            "generation": generation,
            "now": now,
            "expires": now + LONGEST_LIFE,
        },
    )
    return tokens


def opened(token: str, *, now: datetime) -> ContactLink | None:
    """The link that this token opens, with its alert and owner: None alike for what is malformed, was never issued,
    is revoked or has expired, and after the end for whoever is no contact any more, or has lost the number.

    Until then it opens for everyone who was called: they may be on their way, and whoever takes them off the list may
    not be the phone's owner.
    """
    if not _TOKEN.fullmatch(token):
        return None
    ran_out = ActivityTimer.objects.filter(alert=OuterRef("alert"))
    links = ContactLink.objects.select_related("alert__owner")
    found = links.annotate(is_of_timer=Exists(ran_out))  # type: ignore[no-redef]  # The model declares it.
    link = found.filter(token_hash=_hash(token), revoked_at=None).first()
    if link is None or now >= _expiry(link) or (link.alert.ended_at and not _is_contact(link)):
        return None
    return link


def revoke(links: Collection[int], *, now: datetime) -> int:
    """Close these links, by their ids, for good; returns how many were open."""
    return ContactLink.objects.filter(id__in=links, revoked_at=None).update(revoked_at=now)


def token_of(link: ContactLink) -> str | None:
    """The token of a stored link; None when neither SECRET_KEY nor its fallbacks derive it any more."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _derive(link.alert_id, link.contact_id, link.generation, secret=secret)
        if _hash(token) == bytes(link.token_hash):
            return token
    return None


def address(token: str) -> str:
    """The page's URL, as it stands in an SMS."""
    return f"{settings.LINK_BASE_URL}/a/{token}"


def _expiry(link: ContactLink) -> datetime:
    ended_at = link.alert.ended_at
    return min(link.expires_at, ended_at + KEPT_AFTER_END) if ended_at else link.expires_at


def _is_contact(link: ContactLink) -> bool:
    told = Notification.objects.filter(alert=link.alert_id, contact_id=link.contact_id).values("phone_number")
    contacts = EmergencyContact.objects.filter(id=link.contact_id, user=link.alert.owner_id)
    return contacts.filter(phone_number__in=told).exists()


def _derive(alert_id: UUID, contact_id: UUID, generation: int, *, secret: str | None = None) -> str:
    named = f"{alert_id} {contact_id} {generation}"
    digest = salted_hmac("alertme contacts' page", named, secret=secret, algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _hash(token: str) -> bytes:
    # Plain: 128 random bits cannot be guessed from it.
    return sha256(token.encode()).digest()
