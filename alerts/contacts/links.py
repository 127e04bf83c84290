"""Links to the contacts' page: one for each contact and alert. A link has a token of 128 bits; its hash is stored.

A token is derived from its alert and contact, not drawn at random: a later text can repeat the link although no table
holds it (identity/derived.py).
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from alerts.contacts import untold
from alerts.models import ActivityTimer, ContactLink, Notification
from identity import derived
from identity.models import EmergencyContact
from messaging.database.sql import rows

TOKEN_LENGTH = 22  # 128 bits in base64 without padding
# Contacts return to the page and its recordings for some days. Later an old SMS on a stolen phone opens nothing.
KEPT_AFTER_END = timedelta(days=7)
# A link expires after this also if nobody ever ends its alert.
LONGEST_LIFE = timedelta(days=30)

_SALT = "alertme contacts' page"

_ISSUE = """
INSERT INTO alerts_contactlink (alert_id, contact_id, generation, token_hash, created_at, expires_at)
SELECT alert, contact, generation, hash, %(now)s, %(expires)s
FROM unnest(%(alerts)s::uuid[], %(contacts)s::uuid[], %(generations)s::smallint[], %(hashes)s::bytea[])
    AS i (alert, contact, generation, hash)
ON CONFLICT DO NOTHING
RETURNING alert_id, contact_id
"""

# The ids of an alert and of a contact who is asked for help.
Invited = tuple[UUID, UUID]


def issue(invited: Iterable[Invited], *, now: datetime, generation: int = 0) -> dict[Invited, str]:
    """Store a link for each (alert id, contact id) in one statement; return the token of each.

    Issuing the same links again stores nothing and returns the same tokens, also after SECRET_KEY was changed, while
    the earlier key is in SECRET_KEY_FALLBACKS. Without that key a link of the next generation is stored, unless the
    link was revoked; the earlier link still opens. Call inside the transaction that queues the texts with the links.
    """
    wanted = dict.fromkeys(invited, generation)
    tokens = {pair: _derive(pair, generation) for pair in wanted}
    known = wanted.keys() - _store(tokens, wanted, now=now)
    if not known:
        return tokens
    replaced: dict[Invited, int] = {}
    for pair, links in groupby(_stored(known, generation), key=lambda link: (link.alert_id, link.contact_id)):
        token, newest = _repeated(pair, links)
        if token is None and newest.revoked_at is None:
            replaced[pair] = newest.generation + 1
            token = _derive(pair, newest.generation + 1)
        tokens[pair] = token or tokens[pair]
    _store(tokens, replaced, now=now)
    return tokens


def _store(tokens: dict[Invited, str], wanted: dict[Invited, int], *, now: datetime) -> set[Invited]:
    """Store the links in `wanted`, which is (alert id, contact id) -> generation. Return the pairs with a new link."""
    if not wanted:
        return set()
    values = {
        "alerts": [alert_id for alert_id, _ in wanted],
        "contacts": [contact_id for _, contact_id in wanted],
        "generations": list(wanted.values()),
        "hashes": [derived.hash_of(tokens[pair]) for pair in wanted],
        "now": now,
        "expires": now + LONGEST_LIFE,
    }
    return {(alert_id, contact_id) for alert_id, contact_id in rows(_ISSUE, values)}


def _stored(pairs: Collection[Invited], generation: int) -> QuerySet[ContactLink]:
    """The links of these pairs from this generation on, ordered by pair, the newest of a pair last.

    Links of other pairs of these alerts and contacts may be among them.
    """
    alert_ids, contact_ids = {alert_id for alert_id, _ in pairs}, {contact_id for _, contact_id in pairs}
    found = ContactLink.objects.filter(alert__in=alert_ids, contact_id__in=contact_ids, generation__gte=generation)
    return found.order_by("alert_id", "contact_id", "generation")


def _repeated(pair: Invited, links: Iterable[ContactLink]) -> tuple[str | None, ContactLink]:
    """Return the token of the newest link that SECRET_KEY or a fallback can repeat, or None; and the newest link.

    `links` are the links of this pair, the newest last, and at least one.
    """
    token = None
    for link in links:
        named = _name(pair, link.generation)
        token = derived.repeated(named, salt=_SALT, stored=link.token_hash) or token
    return token, link


def opened(token: str, *, now: datetime) -> ContactLink | None:
    """Return the link that this token opens, with its alert and owner loaded, or None if the token opens nothing.

    A token opens nothing if it is malformed or was never issued, or if its link was revoked or has expired. After the
    alert's end the link of a contact who was removed, or has another number now, opens nothing either. Before the end
    that contact's link still opens: the contact may be on the way, and somebody else may have removed the contact with
    the owner's phone.
    """
    if not derived.TOKEN.fullmatch(token):
        return None
    ran_out = ActivityTimer.objects.filter(alert=OuterRef("alert"))
    links = ContactLink.objects.select_related("alert__owner")
    found = links.annotate(is_of_timer=Exists(ran_out))  # type: ignore[no-redef]  # The model declares it.
    link = found.filter(token_hash=derived.hash_of(token), revoked_at=None).first()
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
    """When the alert ended for this contact: for one who is not told of duress, at the pretended end. None: not yet."""
    end = untold.end_for(link.alert, link.contact_id)
    return end.at if end else link.alert.ended_at


def _expiry(link: ContactLink, ended_at: datetime | None) -> datetime:
    return min(link.expires_at, ended_at + KEPT_AFTER_END) if ended_at else link.expires_at


def _is_contact(link: ContactLink) -> bool:
    told = Notification.objects.filter(alert=link.alert_id, contact_id=link.contact_id)
    # Read before they are compared: the contact's number may be stored in another form.
    numbers = list(told.values_list("phone_number", flat=True).distinct())
    contacts = EmergencyContact.objects.filter(id=link.contact_id, user=link.alert.owner_id)
    return contacts.filter(phone_number__in=numbers).exists()


def _derive(pair: Invited, generation: int) -> str:
    return derived.token(_name(pair, generation), salt=_SALT)


def _name(pair: Invited, generation: int) -> str:
    return f"{pair[0]} {pair[1]} {generation}"
