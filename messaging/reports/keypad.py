"""The key pressed in answer to a call: the only proof that a person, and no voicemail, has heard it."""

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
    """Take a key pressed in this very call; returns the TwiML to answer with. Raises evidence.UnknownAttempt.

    The key that was asked for is recorded and told of once, however often it is reported, and the call is known to be
    delivered. After any other key the call asks again: a slip must not cost an answer.
    """
    attempt = Attempt.objects.select_related("message").filter(id=attempt_id, message__channel=Channel.VOICE).first()
    if attempt is None:
        raise delivery_reports.UnknownAttempt(attempt_id)
    if digit != speech.CONFIRM:
        return _ask_again(attempt)
    _store_key(attempt, digit)
    # A transaction of its own: those who are told may lock more than evidence does.
    heard = Outcome(kind=Kind.ACCEPTED, provider_id=provider_id, state=State.DELIVERED)
    delivery_reports.learn(attempt_id, heard, by=Deliverer.CALLBACK)
    return speech.thanking(language=attempt.message.language)


_STORE_KEY = """
INSERT INTO messaging_keypress (attempt_id, digit, at) VALUES (%s, %s, %s)
ON CONFLICT DO NOTHING RETURNING attempt_id
"""


@transaction.atomic
def _store_key(attempt: Attempt, digit: str) -> None:
    # Of two reports of one key the second waits here for the first, and then finds the row.
    if rows(_STORE_KEY, [attempt.id, digit, clock.now()]):
        digit_pressed.send(sender=KeyPress, message_id=attempt.message_id, digit=digit)


def _ask_again(attempt: Attempt) -> str:
    message = attempt.message
    return speech.asking(_text(message), language=message.language, recording=message.recording, attempt_id=attempt.id)


def _text(message: Message) -> str:
    """What the call said; of a message that has ended since only the question is left."""
    try:
        return encryption.unseal(message.text or b"")
    except encryption.Unreadable:
        return speech.question(message.language)
