"""Queueing messages through the outbox, for a program that runs with an installation's settings."""

import json

from django.db import transaction

from messaging.database import clock
from messaging.models import Channel, MessageClass
from messaging.outbox import outgoing


def queue(messages: str) -> None:
    """Queue in one transaction the messages of a JSON list, each an object with the arguments of an `Outgoing`."""
    queued = [
        outgoing.Outgoing(**fields | {"channel": Channel(channel), "message_class": MessageClass(message_class)})
        for fields in json.loads(messages)
        for channel, message_class in [(fields["channel"], fields["message_class"])]
    ]
    with transaction.atomic():
        outgoing.queue(queued, now=clock.now())
