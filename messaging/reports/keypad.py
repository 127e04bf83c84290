"""Takes the key pressed in a telephone call. Only a key proves that a person heard the call, and not a voicemail."""

from uuid import UUID

from django.db import transaction

from messaging import encryption, speech
from messaging.database import clock
from messaging.database.sql import rows
from messaging.models import Attempt, Channel, Deliverer, KeyPress, Message
from messaging.providers import Kind, Outcome
from messaging.reports import delivery_reports
from messaging.signals import digit_pressed
from messaging.states import State


def press(attempt_id: UUID, digit: str, *, provider_id: str) -> str:
    """Take a key pressed in the call of this attempt; returns the TwiML that the call goes on with.

    The key speech.CONFIRM is stored, and `digit_pressed` is sent, once for each attempt, even if the key is reported
    twice. The call then counts as delivered. After any other key the call asks again, so that a wrong key loses no
    answer. Raises UnknownAttempt if no attempt of a call has this id.
    """
    attempt = Attempt.objects.select_related("message").filter(id=attempt_id, message__channel=Channel.VOICE).first()
    if attempt is None:
        raise delivery_reports.UnknownAttempt(attempt_id)
    if digit != speech.CONFIRM:
        return _ask_again(attempt)
    _store_key(attempt, digit)
    # A second transaction, because receivers of the signal may lock rows that applying a report does not.
    heard = Outcome(kind=Kind.ACCEPTED, provider_id=provider_id, state=State.DELIVERED)
    delivery_reports.apply_report(attempt_id, heard, by=Deliverer.CALLBACK)
    return speech.thanking(language=attempt.message.language)


_STORE_KEY = """
INSERT INTO messaging_keypress (attempt_id, digit, at) VALUES (%s, %s, %s)
ON CONFLICT DO NOTHING RETURNING attempt_id
"""


@transaction.atomic
def _store_key(attempt: Attempt, digit: str) -> None:
    # If one key is reported twice, the second report waits here for the first, and then finds its row.
    if rows(_STORE_KEY, [attempt.id, digit, clock.now()]):
        digit_pressed.send(sender=KeyPress, message_id=attempt.message_id, digit=digit)


def _ask_again(attempt: Attempt) -> str:
    message = attempt.message
    return speech.asking(_text(message), language=message.language, recording=message.recording, attempt_id=attempt.id)


def _text(message: Message) -> str:
    """The text of the call; only the question if the text was erased at the message's end or cannot be decrypted."""
    try:
        return encryption.decrypt(message.text or b"")
    except encryption.Unreadable:
        return speech.question(message.language)
