"""What is over is deleted: uploads that broke off, and evidence whose time has passed unless somebody holds it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from alerts.evidence import keeping, limits, spool
from alerts.models import EventKind, Evidence, LegalHold, SosAlert, Upload
from alerts.owner import view
from alerts.timeline import journal
from messaging.database import clock

# Files in one call: a storage may be slow, and the next call goes on.
STEP = 100


def purge(*, now: datetime) -> int:
    """Delete at most STEP of each; returns how many."""
    return purge_uploads(now=now) + erase_outdated(now=now) + _delete_erased_files()


def purge_uploads(*, now: datetime) -> int:
    """What nobody goes on with, and the file of one that died between the storage and its row."""
    is_dead = Q(finishing_at=None) | Q(finishing_at__lte=now - keeping.FINISHING_FOR)
    outdated = list(Upload.objects.filter(is_dead, expires_at__lte=now).order_by("expires_at")[:STEP])
    for upload in outdated:
        if upload.name and not Evidence.objects.filter(name=upload.name).exists():
            keeping.storage().delete(upload.name)
        spool.discard(upload.id)
        upload.delete()
    return len(outdated)


def erase_outdated(*, now: datetime) -> int:
    """Evidence of alerts that ended long ago: marked first, with its step on record; the file goes after the commit."""
    ended = now - timedelta(days=settings.EVIDENCE_KEPT_DAYS)
    outdated = Evidence.objects.filter(
        erased_at=None,
        added_at__lte=ended + limits.LATE_UPLOADS_FOR + limits.OPEN_FOR,
        alert__ended_at__lte=ended,
        alert__legal_hold=None,
    )
    alert_ids = list(outdated.order_by("alert_id").values_list("alert_id", flat=True).distinct()[:STEP])
    return sum(_erase(alert_id, now=now) for alert_id in alert_ids)


def shown_to_owner(alert: SosAlert, *, now: datetime) -> QuerySet[Evidence]:
    """What the owner is told of, oldest first. Under duress evidence is kept for longer, and not shown for longer."""
    ended_at = view.shown(alert).ended_at
    if ended_at and now >= ended_at + timedelta(days=settings.EVIDENCE_KEPT_DAYS):
        return Evidence.objects.none()
    return Evidence.objects.filter(alert=alert, erased_at=None).order_by("id")


@transaction.atomic
def _erase(alert_id: UUID, *, now: datetime) -> int:
    clock.lock_briefly()
    # A hold is set under the same lock.
    SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
    if LegalHold.objects.filter(alert_id=alert_id).exists():
        return 0
    erased = list(Evidence.objects.filter(alert_id=alert_id, erased_at=None).order_by("id"))
    for evidence in erased:
        what = {"evidence_id": str(evidence.id), "sha256": evidence.sha256}
        journal.record(evidence.alert_id, EventKind.EVIDENCE_ERASED, by=journal.SYSTEM, now=now, **what)
    Evidence.objects.filter(id__in=[evidence.id for evidence in erased]).update(erased_at=now)
    return len(erased)


def _delete_erased_files() -> int:
    erased = list(Evidence.objects.filter(erased_at__isnull=False).exclude(name="").order_by("erased_at")[:STEP])
    for evidence in erased:
        keeping.storage().delete(evidence.name)
        Evidence.objects.filter(id=evidence.id).update(name="")
    return len(erased)


@transaction.atomic
def hold(*, alert_id: UUID, by_id: UUID | None, now: datetime) -> bool:
    """From now on nothing of the alert's evidence is erased; says whether that is new."""
    SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
    _, is_new = LegalHold.objects.get_or_create(alert_id=alert_id, defaults={"by_id": by_id, "since": now})
    if is_new:
        journal.record(alert_id, EventKind.EVIDENCE_HELD, by=journal.OPERATOR, now=now)
    return is_new


@transaction.atomic
def release(*, alert_id: UUID, now: datetime) -> bool:
    """Retention goes on; says whether the alert was held."""
    SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
    deleted, _ = LegalHold.objects.filter(alert_id=alert_id).delete()
    if deleted:
        journal.record(alert_id, EventKind.EVIDENCE_RELEASED, by=journal.OPERATOR, now=now)
    return bool(deleted)
