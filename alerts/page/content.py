"""The facts on a contact's page: all that a contact needs to help, as it is now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from alerts.contacts import untold
from alerts.models import (
    ENDED,
    AlertEvent,
    AlertKind,
    AlertPosition,
    Answer,
    AnswerKind,
    ContactLink,
    Heartbeat,
    Notification,
    NotificationKind,
    SosAlert,
)
from alerts.positions import track
from alerts.timeline import journal
from geo import history
from geo.models import Fix
from identity import names
from messaging.database import clock

_COMING = AnswerKind.ACKNOWLEDGED
# Positions on the map: the last minutes of somebody who moves. A track of hours would cost a 2G phone too much.
_TRAIL = 40
_SEEN_WITHIN = timedelta(days=1)
_SHOWN = ("contact_id", "name", "language")

# At most this many recordings and photos, so that the page stays at a few kilobytes.
RECORDINGS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """A position on the page: where the phone last was. `at` is None if the alert has a position and no fix. `accuracy`
    is in metres.
    """

    latitude: float
    longitude: float
    at: datetime | None = None
    at_is_known: bool = True
    accuracy: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recording or photo. `kind` is a value of alerts.models.EvidenceKind, `size` is in bytes."""

    id: UUID
    kind: str
    size: int
    at: datetime

    @property
    def megabytes(self) -> float:
        """The size in MB, rounded up to a tenth. A contact on 2G must know the size before they open the file."""
        return ceil(self.size / 100_000) / 10


@dataclass(frozen=True, kw_only=True, slots=True)
class MissedCheckIn:
    """A timer that ran out: its end, the owner's note for the contacts, and the last heartbeat while the timer ran."""

    ends_at: datetime
    note: str
    battery: int | None
    heard_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """All that a contact's page shows. It holds times and no ages, so two pages are equal while nothing has changed."""

    name: str
    phone: str
    language: str
    status: str
    is_open: bool
    since: datetime
    ended_at: datetime | None
    # Somebody forced the person to end the alert. It goes on, and a telephone call could give the person away.
    is_duress: bool
    is_drill: bool
    position: Position | None
    # The charge in per cent that the phone stated last.
    battery: int | None
    # Latitudes and longitudes of the way to the position, the oldest first.
    trail: tuple[tuple[float, float], ...]
    address: str
    # Names of the contacts on the way, without the reader: `own_answer` says what the reader answered.
    coming: tuple[str, ...]
    own_answer: str
    contacts_asked: int
    recordings: tuple[Recording, ...]
    is_missed_check_in: bool
    # Set also if the person has pressed SOS since then.
    missed: MissedCheckIn | None

    @property
    def version(self) -> str:
        """The value of the page's ETag."""
        return sha256(repr(self).encode()).hexdigest()[:32]


def seen_by(link: ContactLink, *, language: str | None) -> Page:
    """The page behind a contact's link, in this language or, without `language`, in the language of the contact's
    messages.

    A contact who is not told of the alert's duress (alerts/contacts/untold.py) gets the page of an ended alert.
    """
    alert, end = link.alert, untold.end_for(link.alert, link.contact_id)
    if end:
        alert = untold.as_ended(alert, end)
    sos = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS)
    contacts = {contact_id: (name, spoken) for contact_id, name, spoken in sos.values_list(*_SHOWN)}
    until = end.at if end else None
    answers = _answers(alert, until=until)
    own_answer = answers.pop(link.contact_id, "")
    fixes = track.trail(alert.beside or alert.id, limit=_TRAIL, until=until)
    owner = alert.owner
    return Page(
        name=names.in_text(owner.first_name, owner.last_name) or str(owner.phone_number),
        phone=str(owner.phone_number),
        language=language or contacts.get(link.contact_id, ("", owner.language))[1],
        status=alert.status,
        is_open=alert.status not in ENDED,
        since=alert.created_at,
        ended_at=alert.ended_at,
        is_duress=alert.duress_at is not None and alert.status not in ENDED,
        is_drill=alert.is_drill,
        position=_position(alert, fixes),
        battery=fixes[-1].battery_pct if fixes and fixes[-1].battery_pct is not None else alert.battery_pct,
        trail=tuple((fix.latitude, fix.longitude) for fix in fixes),
        address=alert.address,
        coming=tuple(
            names.in_text(contacts[i][0]) or "–" for i, kind in answers.items() if kind == _COMING and i in contacts
        ),
        own_answer=own_answer,
        contacts_asked=len(contacts),
        recordings=_recordings(alert),
        is_missed_check_in=alert.kind == AlertKind.MISSED_CHECK_IN,
        missed=_missed(alert) if link.is_of_timer else None,
    )


def _answers(alert: SosAlert, *, until: datetime | None) -> dict[UUID, str]:
    """The last answer of each contact, in the order of the answers. With `until`, the last answer given by
    that time.
    """
    if until is None:
        return dict(Answer.objects.filter(alert=alert).order_by("at", "id").values_list("contact_id", "kind"))
    given = AlertEvent.objects.filter(alert=alert, kind__in=AnswerKind.values, at__lte=until).order_by("id")
    answers: dict[UUID, str] = {}
    for by, kind in given.values_list("by", "kind"):
        contact_id = UUID(by.removeprefix(journal.CONTACT))
        answers.pop(contact_id, None)
        answers[contact_id] = kind
    return answers


def _missed(alert: SosAlert) -> MissedCheckIn | None:
    """The timer of this alert that ran out last, with that timer's last heartbeat; None without a timer.

    Takes one query.
    """
    heard = Heartbeat.objects.filter(timer=Coalesce(OuterRef("kept_of"), OuterRef("pk"))).order_by("-at", "-id")
    battery, heard_at = Subquery(heard.values("battery_pct")[:1]), Subquery(heard.values("at")[:1])
    ran_out = alert.timers.annotate(battery=battery, heard_at=heard_at).order_by("-ended_at", "-ends_at")
    for ends_at, note, charge, at in ran_out.values_list("ends_at", "note", "battery", "heard_at")[:1]:
        return MissedCheckIn(ends_at=ends_at, note=note, battery=charge, heard_at=at)
    return None


def _recordings(alert: SosAlert) -> tuple[Recording, ...]:
    """The alert's newest RECORDINGS recordings and photos, the newest first: the present matters most."""
    kept = alert.evidence.filter(erased_at=None).order_by("-id")[:RECORDINGS]
    return tuple(Recording(id=one.id, kind=one.kind, size=one.size, at=one.added_at) for one in kept)


def _position(alert: SosAlert, fixes: list[AlertPosition]) -> Position | None:
    seen = _seen_since(alert, fixes)
    if fixes or seen:
        newest = seen or fixes[-1]
        return Position(
            latitude=newest.latitude,
            longitude=newest.longitude,
            at=newest.at,
            at_is_known=isinstance(newest, Fix) or newest.at_is_known,
            accuracy=None if newest.accuracy_m is None else round(newest.accuracy_m),
        )
    if alert.latitude is None or alert.longitude is None:
        return None
    return Position(latitude=alert.latitude, longitude=alert.longitude)


def _seen_since(alert: SosAlert, fixes: list[AlertPosition]) -> Fix | None:
    """The person's last fix (geo) of the last _SEEN_WITHIN, if it is newer than `fixes`; None unless the alert is
    silent.

    The phone does not know of a silent alert, so it sends that alert no positions.
    """
    if not alert.is_silent:
        return None
    seen = history.latest(owner_id=alert.owner_id, now=clock.now(), kept_for=_SEEN_WITHIN)
    return seen if seen and (not fixes or seen.at > fixes[-1].at) else None
