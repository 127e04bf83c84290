"""Limits on messages: of one cause to one address in an hour, of a class in a day, by a sender in a day (UTC).

The daily counts are written when a message is first granted, in the transaction that has locked the sender's row. No
other transaction waits for them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any, cast

from django.conf import settings
from django.db.models import Count, QuerySet

from messaging import policy
from messaging.database.sql import rows
from messaging.models import Message, MessageClass
from messaging.operations.alarms import alarm
from messaging.states import State

# (channel, address, class), and the same behind the cause. Channels count apart, so a telephone call that follows an
# unanswered SMS does not count as a second message.
ToAddress = tuple[str, str, int]
OfCause = tuple[str, str, str, int]


def of_causes(caused: Iterable[tuple[str, str]], *, now: datetime) -> Counter[OfCause]:
    """Count the messages of the last hour by cause, channel, address and class.

    `caused`: pairs of a cause and an address, at least one. A cause is the account or network on whose behalf a message
    is sent. If only the address counted, one account could use up the ceiling of another account's contact, who would
    then get no messages. Cancelled messages, and messages that were refused when queued, do not count.
    """
    causes, addresses = zip(*set(caused), strict=True)
    recent = _recent(set(addresses), now=now).filter(on_behalf_of__in=set(causes))
    counted = recent.values_list("on_behalf_of", "channel", "address", "message_class").annotate(Count("id"))
    return _summed(counted)


def to_addresses(addresses: Iterable[str], *, now: datetime) -> Counter[ToAddress]:
    """Count the messages of the last hour to these addresses by channel, address and class, from all causes."""
    counted = _recent(set(addresses), now=now).values_list("channel", "address", "message_class").annotate(Count("id"))
    return _summed(counted)


def _summed(counted: Iterable[tuple[Any, ...]]) -> Counter[Any]:
    """Add up rows of (columns, count) by columns. One address has two rows if its number is stored in two forms."""
    total: Counter[Any] = Counter()
    for *key, count in counted:
        total[tuple(key)] += count
    return total


def _recent(addresses: set[str], *, now: datetime) -> QuerySet[Message]:
    return (
        Message.objects.filter(address__in=addresses, queued_at__gt=now - timedelta(hours=1))
        .exclude(state=State.FAILED, attempts=0)  # Refused when queued.
        .exclude(state=State.CANCELLED)
        .order_by()
    )


# Only the grant at one sender needs segments (messaging/delivery/dispatch.py): here they are 0.
_MESSAGES_TODAY = """
SELECT message_class, sum(messages)::bigint, 0 FROM messaging_dailycount
WHERE day = (now() AT TIME ZONE 'UTC')::date GROUP BY message_class
"""


@dataclass(frozen=True, slots=True)
class Today:
    """The counts of messages granted today: class -> messages at all senders, and the segments of one sender."""

    messages: dict[int, int]
    segments: int

    @classmethod
    def read(cls) -> "Today":
        """Read the number of today's messages of each class at all senders; `segments` is 0."""
        return cls.of(cast(list[tuple[int, int, int]], rows(_MESSAGES_TODAY)))

    @classmethod
    def of(cls, counted: Sequence[tuple[int, int, int]] | None) -> "Today":
        """Build it from rows of (class, messages, segments), one for each class that got slots today; None: no row."""
        return cls(
            messages={kind: messages for kind, messages, _ in counted or ()},
            segments=sum(segments for *_, segments in counted or ()),
        )

    def has_room(self, kind: MessageClass) -> bool:
        """Whether the class is within its daily cap. EMERGENCY has no cap."""
        cap = _cap(kind)
        return cap is None or self.messages.get(kind, 0) < cap

    def classes(self, segments_per_day: int) -> list[MessageClass]:
        """The classes that may still be granted at a sender with this daily limit (0: no limit).

        Each is within its daily cap, and the sender's segments of today are within the class's SHARE_OF_A_DAY. The rest
        of the sender's daily limit is for more urgent classes.
        """
        return [
            kind
            for kind in MessageClass
            if self.has_room(kind)
            and not (segments_per_day and self.segments >= policy.SHARE_OF_A_DAY.get(kind, inf) * segments_per_day)
        ]

    def alarm_at_caps(self, granted: Iterable[MessageClass], *, now: datetime) -> None:
        """Alarm the operator if a class reaches its cap by these messages, which are granted for the first time."""
        for kind, count in Counter(granted).items():
            before, cap = self.messages.get(kind, 0), _cap(kind)
            if cap is not None and before < cap <= before + count:
                alarm("daily_cap_reached", now=now, message_class=kind.label)


def _cap(kind: MessageClass) -> int | None:
    cap: int | None = settings.DAILY_CAPS.get(kind.name.lower())
    return cap
