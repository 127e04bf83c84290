"""Links to the contacts' page: one for each contact and alert. A link has a token of 128 bits; its hash is stored.

A token is derived from its alert and contact, not drawn at random: a later text can repeat the link although no table
holds it.
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

from alerts.contacts import untold
from alerts.models import ActivityTimer, ContactLink, Notification
from identity.models import EmergencyContact
from messaging.database.sql import rows

TOKEN_LENGTH = 22  # 128 bits in base64 without padding
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
# Contacts return to the page and its recordings for some days. Later an old SMS on a stolen phone opens nothing.
KEPT_AFTER_END = timedelta(days=7)
# A link expires after this also if nobody ever ends its alert.
LONGEST_LIFE = timedelta(days=30)

_ISSUE = """
INSERT INTO alerts_contactlink (alert_id, contact_id, generation, token_hash, created_at, expires_at)
SELECT alert, contact, %(generation)s, hash, %(now)s, %(expires)s
FROM unnest(%(alerts)s::uuid[], %(contacts)s::uuid[], %(hashes)s::bytea[]) AS i (alert, contact, hash)
ON CONFLICT DO NOTHING
"""


def issue(invited: Iterable[tuple[UUID, UUID]], *, now: datetime, generation: int = 0) -> dict[tuple[UUID, UUID], str]:
    """Store a link for each (alert id, contact id) in one statement; return the token of each.

    Issuing the same links again stores nothing and returns the same tokens. Call inside the transaction that queues the
    texts with the links.
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
    """Return the link that this token opens, with its alert and owner loaded, or None if the token opens nothing.

    A token opens nothing if it is malformed or was never issued, or if its link was revoked or has expired. After the
    alert's end the link of a contact who was removed, or has another number now, opens nothing either. Before the end
    that contact's link still opens: the contact may be on the way, and somebody else may have removed the contact with
    the owner's phone.
    """
    if not _TOKEN.fullmatch(token):
        return None
    ran_out = ActivityTimer.objects.filter(alert=OuterRef("alert"))
    links = ContactLink.objects.select_related("alert__owner")
    found = links.annotate(is_of_timer=Exists(ran_out))  # type: ignore[no-redef]  # The model declares it.
    link = found.filter(token_hash=_hash(token), revoked_at=None).first()
    if link is None:
        return None
    ended_at = _ended_at(link)
    if now >= _expiry(link, ended_at) or (ended_at and not _is_contact(link)):
        return None
    return link


def revoke(links: Collection[int], *, now: datetime) -> int:
    """Revoke the links with these ids for good; return how many of them were not revoked before."""
    return ContactLink.objects.filter(id__in=links, revoked_at=None).update(revoked_at=now)


def url(token: str) -> str:
    """The page's URL, as an SMS contains it."""
    return f"{settings.LINK_BASE_URL}/a/{token}"


def _ended_at(link: ContactLink) -> datetime | None:
    """The end of the alert as this contact is told it."""
    end = untold.end_for(link.alert, link.contact_id)
    return end.at if end else link.alert.ended_at


def _expiry(link: ContactLink, ended_at: datetime | None) -> datetime:
    return min(link.expires_at, ended_at + KEPT_AFTER_END) if ended_at else link.expires_at


def _is_contact(link: ContactLink) -> bool:
    notified = Notification.objects.filter(alert=link.alert_id, contact_id=link.contact_id).values("phone_number")
    contacts = EmergencyContact.objects.filter(id=link.contact_id, user=link.alert.owner_id)
    return contacts.filter(phone_number__in=notified).exists()


def _derive(alert_id: UUID, contact_id: UUID, generation: int) -> str:
    named = f"{alert_id} {contact_id} {generation}"
    digest = salted_hmac("alertme contacts' page", named, algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _hash(token: str) -> bytes:
    # No salt is needed: nobody can guess 128 bits.
    return sha256(token.encode()).digest()
