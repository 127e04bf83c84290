"""SOS credentials: each registered device raises an SOS with its own one, so no expired access token stops an SOS.

A credential is the device's id and 256 random bits. The server shows it once, and the phone keeps it in its system's
key store. Everyone who has the credential can use it (a bearer secret). Requests signed with the secret would be safer,
but then the server would have to store the secret itself and not a hash.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Coalesce

from identity import live_sessions, people
from identity.api import rates
from identity.api.rates import Limit
from identity.errors import Conflict, NotFound
from identity.models import Device, Platform, User
from identity.pins.pins import Proof
from identity.pins.protection import require

# Enough for a few phones, a watch and an old phone in the drawer.
MAX_DEVICES = 10
REGISTERED_A_DAY = Limit(scope="devices registered", times=30, window=timedelta(days=1))
_SECRET_BYTES = 32
_CREDENTIAL = re.compile(r"[0-9A-Fa-f-]{32,36}\.[A-Za-z0-9_-]+")
# `last_used_at` is exact to the minute, so that a batch of positions writes the row once.
_USE_NOTED_EVERY = timedelta(minutes=1)


class TooManyDevices(Conflict):
    code = "too_many_devices"
    detail = f"There can be at most {MAX_DEVICES} devices. Remove one first."


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A new device and its credential. The credential cannot be shown again."""

    device: Device
    credential: str


def active_devices(person_id: UUID) -> QuerySet[Device]:
    """The person's devices that are not revoked, newest first."""
    return Device.objects.filter(user_id=person_id, revoked_at=None).order_by("-id")


def listed(person_id: UUID, *, now: datetime) -> QuerySet[Device]:
    """The `active_devices`, each with `is_signed_in`: whether the session that registered it is open."""
    goes_on = Q(session__isnull=False, session__revoked_at=None, session__expires_at__gt=now)
    annotated = ExpressionWrapper(goes_on, output_field=BooleanField())
    return active_devices(person_id).annotate(is_signed_in=annotated)  # type: ignore[no-redef]


def register(*, person: User, session_id: UUID | None, name: str, platform: Platform, now: datetime) -> Registered:
    """Register a device, make its credential and return both.

    Raises TooManyDevices, TooManyRequests or SessionEnded.
    """
    rates.spend(REGISTERED_A_DAY, str(person.id), now=now)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with transaction.atomic():
        people.locked(person.id)
        if session_id:
            live_sessions.hold(session_id)
        if active_devices(person.id).count() >= MAX_DEVICES:
            raise TooManyDevices
        device = Device.objects.create(
            user=person,
            session_id=session_id,
            name=name,
            platform=platform,
            credential_hash=_hash(secret),
            created_at=now,
        )
    return Registered(device=device, credential=f"{device.id}.{secret}")


def revoke(*, person_id: UUID, device_id: UUID, proof: Proof, now: datetime) -> None:
    """Revoke a device's credential. Under duress it is only shown as revoked and still raises an SOS.

    Raises PinRequired, and NotFound, also for another person's device or a revoked one.
    """
    found = active_devices(person_id).filter(id=device_id)
    if not found.exists():
        raise NotFound
    require(proof)
    if not found.update(revoked_at=now, is_kept=proof is Proof.DURESS):
        raise NotFound


def revoke_of_sessions(session_ids: Collection[UUID], *, now: datetime) -> None:
    """Revoke the credentials that were registered in these sessions, also those only shown as revoked since duress."""
    _revoke(Device.objects.filter(session_id__in=session_ids), now=now)


def revoke_all(person_id: UUID, *, now: datetime) -> None:
    _revoke(Device.objects.filter(user=person_id), now=now)


def settle(person_id: UUID) -> None:
    """Really revoke the devices that are only shown as revoked since the duress PIN. Called after the safe PIN."""
    Device.objects.filter(user=person_id, is_kept=True).update(is_kept=False)


def _revoke(devices: QuerySet[Device], *, now: datetime) -> None:
    devices.filter(_works()).update(revoked_at=Coalesce("revoked_at", now), is_kept=False)


def _works() -> Q:
    return Q(revoked_at=None) | Q(is_kept=True)


def in_header(value: str) -> str:
    """The first credential in a header's value, without quotes, spaces or a scheme around it; "" if it has none."""
    found = _CREDENTIAL.search(value)
    return found[0] if found else ""


def recognise(credential: str, *, now: datetime) -> Device | None:
    """The device with this credential, with its person loaded; None if the credential is not valid. Notes its use.

    A credential is not valid if it is malformed, wrong or revoked, or if the person is deactivated.
    """
    named, _, secret = credential.partition(".")
    try:
        device_id = UUID(named)
    except ValueError:
        return None
    device = Device.objects.select_related("user").filter(_works(), id=device_id).first()
    expected = bytes(device.credential_hash) if device else b""
    if not hmac.compare_digest(_hash(secret), expected) or device is None or not device.user.is_active:
        return None
    _note_use(device, now=now)
    return device


def _note_use(device: Device, *, now: datetime) -> None:
    long_ago = Q(last_used_at=None) | Q(last_used_at__lte=now - _USE_NOTED_EVERY)
    Device.objects.filter(long_ago, id=device.id).update(last_used_at=now)


def _hash(secret: str) -> bytes:
    # A plain hash is enough: nobody can guess 256 random bits from it.
    return sha256(secret.encode("utf-8", "replace")).digest()
