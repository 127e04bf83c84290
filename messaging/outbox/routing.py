"""Chooses the sender of a message: the preferred one that carries its channel, country and class, and has no outage."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from messaging import numbers
from messaging.models import Channel, MessageClass, Sender, SenderOutage


@dataclass(frozen=True, slots=True)
class Routes:
    """The active senders in order of preference, and their outages as (sender id, country); "" is every country."""

    senders: list[Sender]
    out: set[tuple[int, str]]

    @classmethod
    def at(cls, now: datetime) -> "Routes":
        """Read the active senders and the outages that last beyond `now`, by one query."""
        outages = SenderOutage.objects.filter(sender=OuterRef("pk"), until__gt=now).values("country")
        active = Sender.objects.filter(is_active=True).annotate(out_for=ArraySubquery(outages))
        senders = list(active.order_by("preference", "id"))
        return cls(senders=[*senders], out={(s.id, country) for s in senders for country in s.out_for})

    def choose(
        self, *, channel: Channel, address: str, message_class: MessageClass, without: Collection[int] = ()
    ) -> Sender | None:
        """The preferred sender that can carry the message, has no outage and whose id is not in `without`.

        If there is no such sender, returns the preferred one that can carry the message, also if it has an outage or
        its id is in `without`: the message waits there. None if no sender can carry it.
        """
        country = numbers.calling_code(address) if channel is not Channel.EMAIL else ""
        capable = [s for s in self.senders if can_carry(s, channel=channel, country=country, kind=message_class)]
        ready = (s for s in capable if s.id not in without and not self.is_out(s, country=country))
        return next(ready, next(iter(capable), None))

    def is_out(self, sender: Sender, *, country: str) -> bool:
        return not self.out.isdisjoint({(sender.id, ""), (sender.id, country)})


def can_carry(sender: Sender, *, channel: Channel, country: str, kind: MessageClass) -> bool:
    return (
        sender.channel == channel
        and (not sender.countries or country in sender.countries)
        and (not sender.classes or kind in sender.classes)
    )
