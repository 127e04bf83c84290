"""What a contact sees on their page: everything they need to help, as it stands."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from math import ceil
from uuid import UUID

from django.db.models import OuterRef, Subquery

from alerts.models import (
    ENDED,
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

_COMING = AnswerKind.ACKNOWLEDGED
# The last minutes of somebody who is moving; the way of hours would cost what a 2G phone has.
_TRAIL = 40
_SHOWN = ("contact_id", "name", "language")

# A page of a few kilobytes, whatever the phone sends.
RECORDINGS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    latitude: float
    longitude: float
    at: datetime | None = None
    # Metres, and per cent.
    accuracy: int | None = None
    battery: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recording or photo; `kind` is that of alerts.models.EvidenceKind."""

    id: UUID
    kind: str
    size: int
    at: datetime

    @property
    def megabytes(self) -> float:
        """Rounded up: a contact on 2G must know before."""
        return ceil(self.size / 100_000) / 10


@dataclass(frozen=True, kw_only=True, slots=True)
class MissedCheckIn:
    """When the person was to say that they are well, what they wrote for those who are told, and the last sign of
    their phone."""

    ends_at: datetime
    note: str
    battery: int | None
    heard_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Facts only, no ages: two pages are equal when nothing has changed."""

    name: str
    phone: str
    language: str
    status: str
    is_open: bool
    since: datetime
    ended_at: datetime | None
    # Forced to end it: the alert goes on, and a call could give the person away.
    is_duress: bool
    is_drill: bool
    place: Place | None
    # Latitudes and longitudes on the way there, the oldest first.
    trail: tuple[tuple[float, float], ...]
    address: str
    # Names; the reader's own answer is apart.
    coming: tuple[str, ...]
    own_answer: str
    told: int
    recordings: tuple[Recording, ...]
    is_missed_check_in: bool
    # Also when the person has pressed SOS since.
    missed: MissedCheckIn | None

    @property
    def version(self) -> str:
        """An ETag's value."""
        return sha256(repr(self).encode()).hexdigest()[:32]


def seen_by(link: ContactLink, *, language: str | None) -> Page:
    """The page of a contact's link, in the language they chose, else in the one they are told in."""
    alert = link.alert
    told = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS)
    contacts = {contact_id: (name, spoken) for contact_id, name, spoken in told.values_list(*_SHOWN)}
    answers = dict(Answer.objects.filter(alert=alert).order_by("at", "id").values_list("contact_id", "kind"))
    own_answer = answers.pop(link.contact_id, "")
    fixes = track.trail(alert.id, limit=_TRAIL)
    owner = alert.owner
    return Page(
        name=f"{owner.first_name} {owner.last_name}".strip() or str(owner.phone_number),
        phone=str(owner.phone_number),
        language=language or contacts.get(link.contact_id, ("", owner.language))[1],
        status=alert.status,
        is_open=alert.status not in ENDED,
        since=alert.created_at,
        ended_at=alert.ended_at,
        is_duress=alert.duress_at is not None and alert.status not in ENDED,
        is_drill=alert.is_drill,
        place=_place(alert, fixes),
        trail=tuple((fix.latitude, fix.longitude) for fix in fixes),
        address=alert.address,
        coming=tuple(
            contacts[i][0] for i, kind in answers.items() if kind == AnswerKind.ACKNOWLEDGED and i in contacts
        ),
        own_answer=own_answer,
        told=len(contacts),
        recordings=_recordings(alert),
        is_missed_check_in=alert.kind == AlertKind.MISSED_CHECK_IN,
        missed=_missed(alert) if link.is_of_timer else None,
    )


def _missed(alert: SosAlert) -> MissedCheckIn | None:
    """The last timer that ran out, by one query."""
    heard = Heartbeat.objects.filter(timer=OuterRef("pk")).order_by("-at", "-id")
    battery, heard_at = Subquery(heard.values("battery_pct")[:1]), Subquery(heard.values("at")[:1])
    ran_out = alert.timers.annotate(battery=battery, heard_at=heard_at).order_by("-ended_at", "-ends_at")
    for ends_at, note, charge, at in ran_out.values_list("ends_at", "note", "battery", "heard_at")[:1]:
        return MissedCheckIn(ends_at=ends_at, note=note, battery=charge, heard_at=at)
    return None


def _recordings(alert: SosAlert) -> tuple[Recording, ...]:
    """Newest first: what happens now matters most."""
    kept = alert.evidence.filter(erased_at=None).order_by("-id")[:RECORDINGS]
    return tuple(Recording(id=one.id, kind=one.kind, size=one.size, at=one.added_at) for one in kept)


def _place(alert: SosAlert, fixes: list[AlertPosition]) -> Place | None:
    if fixes:
        newest = fixes[-1]
        return Place(
            latitude=newest.latitude,
            longitude=newest.longitude,
            at=newest.at,
            accuracy=None if newest.accuracy_m is None else round(newest.accuracy_m),
            battery=newest.battery_pct,
        )
    if alert.latitude is None or alert.longitude is None:
        return None
    return Place(latitude=alert.latitude, longitude=alert.longitude)
