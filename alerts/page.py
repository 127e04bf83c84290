"""What a contact sees on their page: everything they need to help, as it stands."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from alerts.models import ENDED, ContactLink, Notification, NotificationKind, SosAlert


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    latitude: float
    longitude: float
    at: datetime | None


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
    place: Place | None
    address: str
    told: int

    @property
    def version(self) -> str:
        """An ETag's value."""
        return sha256(repr(self).encode()).hexdigest()[:32]


def seen_by(link: ContactLink, *, language: str | None) -> Page:
    """The page of a contact's link, in the language they chose, else in the one they are told in."""
    alert = link.alert
    told = Notification.objects.filter(alert=alert, kind=NotificationKind.SOS)
    languages = dict(told.values_list("contact_id", "language"))
    owner = alert.owner
    return Page(
        name=f"{owner.first_name} {owner.last_name}".strip() or str(owner.phone_number),
        phone=str(owner.phone_number),
        language=language or languages.get(link.contact_id, owner.language),
        status=alert.status,
        is_open=alert.status not in ENDED,
        since=alert.created_at,
        ended_at=alert.ended_at,
        is_duress=alert.duress_at is not None and alert.status not in ENDED,
        place=_place(alert),
        address=alert.address,
        told=len(languages),
    )


def _place(alert: SosAlert) -> Place | None:
    if alert.latitude is None or alert.longitude is None:
        return None
    # The end of an alert changes it too, and is no new position.
    at = None if alert.ended_at else alert.updated_at
    return Place(latitude=alert.latitude, longitude=alert.longitude, at=at)
