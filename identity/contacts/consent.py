"""Consent of contacts: a number is asked, accepts, declines or blocks everyone. One state per person and number.

A number that has not answered still gets an SOS, a few times a day (alerts/contacts/presses.py). A refusal stays when
the contact is edited, or removed and added again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from identity.api import rates
from identity.api.rates import Limit, TooManyRequests
from identity.consent_models import ConsentHow, ConsentRecord, ConsentState, ContactConsent, NumberBlock
from identity.contacts import links, texts
from identity.errors import Conflict
from identity.models import EmergencyContact, User
from messaging.models import MessageClass
from messaging.outbox import outgoing

REFUSED = (ConsentState.DECLINED, ConsentState.WITHDRAWN)
# Reminders that a person may send to one number, for good, and the least time between two texts.
REMINDERS = 2
REMIND_AFTER = timedelta(hours=24)
# Invitations and reminders to one number, from all accounts together. Beyond this a contact is added without a text.
TEXTS_PER_NUMBER = Limit(scope="consent texts to number", times=10, window=timedelta(days=1))
# An invitation to a phone that is off is still of use in the evening.
_DEADLINE = timedelta(hours=24)


class AlreadyAnswered(Conflict):
    code = "already_answered"
    detail = "This contact has answered."


class RemindedEnough(Conflict):
    code = "reminded_enough"
    detail = f"A contact can be reminded {REMINDERS} times."


def is_confirmed(contact: EmergencyContact) -> bool:
    """Whether the contact's number has accepted, or has no ContactConsent and so counts as accepted.

    Takes a query unless `contact.confirmed` is known, for example from `contacts.to_tell`; sets it.
    """
    if contact.confirmed is None:
        found = ContactConsent.objects.filter(user_id=contact.user_id, phone_number=contact.phone_number)
        contact.confirmed = not found.exclude(state=ConsentState.ACCEPTED).exists()
    return contact.confirmed


def unconfirmed() -> Exists:
    """An expression for a query of contacts: whether the contact's number has a ContactConsent and has not accepted."""
    theirs = ContactConsent.objects.filter(user=OuterRef("user"), phone_number=OuterRef("phone_number"))
    return Exists(theirs.exclude(state=ConsentState.ACCEPTED))


def mark(found: Sequence[EmergencyContact]) -> None:
    """Set `consent` of each contact to the ContactConsent of its number, or None. One query reads all of them."""
    consents = ContactConsent.objects.filter(user__in={contact.user_id for contact in found})
    by_number = {str(consent.phone_number): consent for consent in consents}
    for contact in found:
        contact.consent = by_number.get(str(contact.phone_number))


def may_be_texted(*, person_id: UUID, phone_number: str, now: datetime) -> bool:
    """Whether this number gets an invitation if the person adds it as a contact now.

    If an invitation is due, it counts against TEXTS_PER_NUMBER; False if that limit is reached. Call before the
    transaction that adds the contact.
    """
    known = ContactConsent.objects.filter(user_id=person_id, phone_number=phone_number).first()
    is_due = known is None or (known.state == ConsentState.INVITED and _is_due(known, now=now))
    if not is_due or NumberBlock.objects.filter(phone_number=phone_number).exists():
        return False
    try:
        rates.spend(TEXTS_PER_NUMBER, phone_number, now=now)
    except TooManyRequests:
        return False
    return True


def ask(contact: EmergencyContact, person: User, *, may_text: bool, now: datetime) -> None:
    """Find or create the consent of a contact whose number is new, and text the invitation if it is due.

    `may_text` is the result of `may_be_texted`. Sets the contact's `declined_at`, which the caller saves. Call inside
    the transaction that adds the contact.
    """
    consent, is_new = ContactConsent.objects.select_for_update().get_or_create(
        user=person,
        phone_number=contact.phone_number,
        defaults={
            "state": ConsentState.INVITED,
            "at": now,
            "how": ConsentHow.ADDED,
            "text_version": texts.VERSION,
            "language": contact.language,
        },
    )
    if is_new:
        if NumberBlock.objects.filter(phone_number=contact.phone_number).exists():
            consent.state, consent.how = ConsentState.DECLINED, ConsentHow.BLOCK
            consent.save(update_fields=["state", "how"])
        _record(consent)
    else:
        # Stored in the form in which the contact's number is stored, because `unconfirmed` compares columns.
        consent.save(update_fields=["phone_number"])
    contact.declined_at = consent.at if consent.state in REFUSED else None
    if consent.state == ConsentState.INVITED and may_text and _is_due(consent, now=now):
        _send(consent, person, language=contact.language, now=now)


def remind(contact: EmergencyContact, person: User, *, now: datetime) -> None:
    """Text the invitation again. Raises AlreadyAnswered, RemindedEnough and TooManyRequests. Call in a transaction."""
    found = ContactConsent.objects.select_for_update().filter(user=person, phone_number=contact.phone_number)
    consent = found.first()
    if consent is None or consent.state != ConsentState.INVITED:
        raise AlreadyAnswered
    if not reminders_left(consent):
        raise RemindedEnough
    if consent.texted_at is not None and (wait := consent.texted_at + REMIND_AFTER - now) > timedelta(0):
        raise TooManyRequests(retry_after=wait)
    rates.spend(TEXTS_PER_NUMBER, str(contact.phone_number), now=now)
    contact.save(update_fields=["updated_at"])  # The ETag covers how many reminders are left.
    _send(consent, person, language=contact.language, now=now)


def reminders_left(consent: ContactConsent) -> int:
    return max(0, 1 + REMINDERS - max(1, consent.texts_sent)) if consent.state == ConsentState.INVITED else 0


@transaction.atomic
def accept(*, person_id: UUID, phone_number: str, how: ConsentHow, language: str, now: datetime) -> None:
    """Store that the number wants to be a contact of this person. Changes nothing if it has accepted already."""
    consent = _locked(person_id, phone_number, language=language, now=now)
    if consent.state != ConsentState.ACCEPTED:
        _move(consent, ConsentState.ACCEPTED, how=how, language=language, now=now)
        _every(consent).update(declined_at=None, updated_at=now)


@transaction.atomic
def decline(
    *, person_id: UUID, phone_number: str, how: ConsentHow, language: str, now: datetime
) -> EmergencyContact | None:
    """Store that the number wants to be no contact of this person. Returns the contact: the caller tells the person.

    Returns None if the number had declined already, or if no contact that the person sees has it.
    """
    consent = _locked(person_id, phone_number, language=language, now=now)
    if consent.state in REFUSED:
        return None
    was_accepted = consent.state == ConsentState.ACCEPTED
    state = ConsentState.WITHDRAWN if was_accepted else ConsentState.DECLINED
    _move(consent, state, how=how, language=language, now=now)
    _every(consent).update(declined_at=now, updated_at=now)
    return _contacts(consent).select_related("user").first()


@transaction.atomic
def block(*, phone_number: str, language: str, now: datetime) -> list[EmergencyContact]:
    """Decline everyone whom this number has not accepted, also in future. Returns the contacts that declined now."""
    NumberBlock.objects.get_or_create(phone_number=phone_number, defaults={"at": now})
    waiting = ContactConsent.objects.filter(phone_number=phone_number, state=ConsentState.INVITED).order_by("id")
    declined = (
        decline(person_id=person_id, phone_number=phone_number, how=ConsentHow.BLOCK, language=language, now=now)
        for person_id in waiting.values_list("user_id", flat=True)
    )
    return [contact for contact in declined if contact is not None]


def unblock(phone_number: str) -> None:
    """Let people ask this number again. Earlier refusals stay."""
    NumberBlock.objects.filter(phone_number=phone_number).delete()


def is_blocking(phone_number: str) -> bool:
    return NumberBlock.objects.filter(phone_number=phone_number).exists()


def _locked(person_id: UUID, phone_number: str, *, language: str, now: datetime) -> ContactConsent:
    before = {"state": ConsentState.ACCEPTED, "how": ConsentHow.BEFORE, "at": now, "text_version": 0}
    consent, is_new = ContactConsent.objects.select_for_update().get_or_create(
        user_id=person_id, phone_number=phone_number, defaults=before | {"language": language}
    )
    if is_new:
        _record(consent)
    return consent


def _contacts(consent: ContactConsent) -> QuerySet[EmergencyContact]:
    return _every(consent).filter(is_kept=False)


def _every(consent: ContactConsent) -> QuerySet[EmergencyContact]:
    """The person's contact with the number of this consent, shown or hidden (kept.py)."""
    return EmergencyContact.every.filter(user_id=consent.user_id, phone_number=consent.phone_number)


def _move(consent: ContactConsent, state: ConsentState, *, how: ConsentHow, language: str, now: datetime) -> None:
    consent.state, consent.how, consent.at = state, how, now
    consent.language, consent.text_version = language, texts.VERSION
    consent.save(update_fields=["state", "how", "at", "language", "text_version"])
    _record(consent)


def _record(consent: ContactConsent) -> None:
    fields = ("user_id", "phone_number", "state", "at", "how", "text_version", "language")
    ConsentRecord.objects.create(**{field: getattr(consent, field) for field in fields})


def _is_due(consent: ContactConsent, *, now: datetime) -> bool:
    """Whether the number may be texted: it never was, or its link has expired and a reminder is left (REMINDERS)."""
    return consent.texted_at is None or (consent.texted_at + links.LIVES <= now and consent.texts_sent <= REMINDERS)


def _send(consent: ContactConsent, person: User, *, language: str, now: datetime) -> None:
    link = links.issue(consent, now=now)
    consent.texts_sent, consent.texted_at = consent.texts_sent + 1, now
    consent.save(update_fields=["texts_sent", "texted_at", "token_hash", "token_expires_at"])
    text = texts.invitation(person, language=language, link=link)
    outgoing.queue(
        [
            outgoing.Outgoing(
                address=str(consent.phone_number),
                text=text,
                language=language,
                message_class=MessageClass.SAFETY,
                stands_alone=True,
                deadline_at=now + _DEADLINE,
            )
        ],
        now=now,
    )
