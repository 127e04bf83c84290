"""Dead letters: broker messages that no worker could process. They move from the broker into rows (DeadLetter).

The operator sees the rows and can ask for a replay: a scheduler then publishes the message again. RabbitMQ alone would
keep dead letters unseen and delete them after seven days.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import pika
import pika.exceptions
import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from dramatiq.common import xq_name
from dramatiq.errors import DecodeError
from psycopg.types.json import Jsonb

from config.broker import QUEUES, QuorumBroker
from config.models import DeadLetter, PeriodicRun
from messaging.database import clock
from messaging.database.sql import rows
from messaging.operations.alarms import alarm

log = structlog.get_logger(__name__)

# Messages taken from one queue in one pass. The rest of a flood waits for the next pass.
_PER_PASS = 500
# Rows kept, the newest ones: more of them tell the operator nothing new.
KEPT = 1_000
# A replay that the broker has not confirmed after this is published again: publishing twice does no harm.
REPLAYED_AGAIN_AFTER = timedelta(minutes=1)
# A hint that failed because the database was away lost nothing: its row was found by age. Hints of an outage would bury
# the real dead letters.
_OUTAGES = {"OperationalError"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A phone number with its country code has at least eleven digits. An id will have fewer for a long time.
_ID_BELOW = 10**10


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    queue: str
    actor: str
    arguments: list[Any] | None
    reason: str
    fingerprint: str


def collect(*, now: datetime) -> int:
    """Move up to _PER_PASS dead letters of each queue from the broker into rows, and alarm the operator of them.

    Hints that failed because the database was away are deleted without a row. Returns the number of messages that got a
    row; 0 if the broker cannot be reached. Only the KEPT newest rows stay.
    """
    broker = dramatiq.get_broker()
    if not isinstance(broker, QuorumBroker):
        return 0
    try:
        connection = pika.BlockingConnection(broker.parameters)
    except Exception as error:  # noqa: BLE001 pika's errors have no common base; they stay where they are
        log.warning("dead_letters_not_read", error=type(error).__name__)
        return 0
    words = set(PeriodicRun.objects.values_list("name", flat=True))
    with closing(connection):
        kept = [letter for queue in QUEUES for letter in _drain(connection, queue, words=words, now=now)]
    if kept:
        alarm("broker_dead_letters", now=now, letters=len(kept), queue=kept[0].queue, reason=kept[0].reason)
        _forget_oldest()
    return len(kept)


def _drain(connection: Any, queue: str, *, words: set[str], now: datetime) -> Iterator[Letter]:
    channel = connection.channel()
    try:
        for _ in range(_PER_PASS):
            method, properties, body = channel.basic_get(xq_name(queue))
            if method is None:
                return
            letter = _read(queue, body, properties.headers or {}, words=words)
            if letter.reason in _OUTAGES:
                log.warning("hint_died_of_an_outage", queue=queue, error=letter.reason)
            else:
                # Store the row first: a process that dies here counts the message twice, and never loses it.
                _keep(letter, now=now)
                yield letter
            channel.basic_ack(method.delivery_tag)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 404:  # Nobody has used this queue yet.
            raise


def _read(queue: str, body: bytes, headers: dict[str, Any], *, words: set[str]) -> Letter:
    try:
        message: dramatiq.Message[Any] = dramatiq.Message.decode(body)
    except DecodeError:
        message = dramatiq.Message(queue_name=queue, actor_name="", args=(), kwargs={}, options={})
    actor = message.actor_name if _NAME.fullmatch(str(message.actor_name)) else ""
    arguments = list(message.args) if actor and not message.kwargs and _are_ids(message.args, words) else None
    seen = f"{queue} {actor} {arguments}" if arguments is not None else body
    return Letter(
        queue=queue,
        actor=actor,
        arguments=arguments,
        reason=_reason(actor, message.options, headers),
        # A keyed hash: a short body could be guessed from its plain hash.
        fingerprint=salted_hmac("config.deadletters", seen, algorithm="sha256").hexdigest(),
    )


def _are_ids(value: object, words: set[str]) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_are_ids(item, words) for item in value)
    if isinstance(value, str):
        return value in words or _UUID.fullmatch(value) is not None
    return type(value) is int and 0 <= value < _ID_BELOW


def _reason(actor: str, options: object, headers: dict[str, Any]) -> str:
    if not actor:
        return "undecodable"
    if actor not in dramatiq.get_broker().actors:
        return "unknown_actor"
    error = options.get("error") if isinstance(options, dict) else None
    if isinstance(error, str) and _NAME.fullmatch(error):
        return error
    return str(headers.get("x-first-death-reason", "rejected"))[:60]


def _keep(letter: Letter, *, now: datetime) -> None:
    arguments = None if letter.arguments is None else Jsonb(letter.arguments)
    rows(
        "INSERT INTO config_deadletter (fingerprint, queue, actor, arguments, reason, times, first_at, last_at)"
        " VALUES (%s, %s, %s, %s, %s, 1, %s, %s) ON CONFLICT (fingerprint) DO UPDATE"
        " SET times = config_deadletter.times + 1, reason = excluded.reason, last_at = excluded.last_at",
        [letter.fingerprint, letter.queue, letter.actor, arguments, letter.reason, now, now],
    )


def _forget_oldest() -> None:
    kept = DeadLetter.objects.order_by("-last_at", "-id").values("id")[:KEPT]
    DeadLetter.objects.exclude(id__in=kept).delete()


def ask_replay(letter_ids: Collection[int], *, now: datetime) -> int:
    """Mark these dead letters, so that a scheduler publishes them again (`take_replays`).

    Returns the number of marked ones. A dead letter without an actor or arguments cannot be replayed and is not marked.
    """
    letters = DeadLetter.objects.filter(id__in=letter_ids).exclude(actor="").exclude(arguments=None)
    return letters.update(replay_asked_at=now)


@transaction.atomic
def take_replays() -> dict[int, dramatiq.Message[Any]]:
    """Return the broker messages of marked dead letters, at most _PER_PASS, by id. The caller publishes them.

    Only one scheduler gets each. A dead letter stays marked until `confirm_replay`, so it is returned again after
    REPLAYED_AGAIN_AFTER if the broker has not confirmed it.
    """
    now = clock.set_short_timeouts()
    asked = DeadLetter.objects.select_for_update(skip_locked=True).filter(replay_asked_at__lte=now)
    letters = list(asked.order_by("replay_asked_at")[:_PER_PASS])
    taken = DeadLetter.objects.filter(id__in=[letter.id for letter in letters])
    taken.update(replay_asked_at=now + REPLAYED_AGAIN_AFTER)
    return {
        letter.id: dramatiq.Message(
            queue_name=letter.queue, actor_name=letter.actor, args=tuple(letter.arguments or ()), kwargs={}, options={}
        )
        for letter in letters
    }


def confirm_replay(letter_id: int) -> None:
    """Note in the row that the broker has confirmed the replayed message, and remove the mark.

    The relay calls this in a publisher thread, so it closes the database connection at the end. A database error is
    only logged: the message is then published again.
    """
    try:
        DeadLetter.objects.filter(id=letter_id).update(replay_asked_at=None, replayed_at=clock.now())
    except DatabaseError as error:
        log.warning("replay_not_noted", letter_id=letter_id, error=type(error).__name__)
    finally:
        connection.close()
