"""Purges expired uploads, and erases evidence EVIDENCE_KEPT_DAYS after its alert's end unless the alert is under legal
hold.
"""

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

# Rows of each kind in one call: a storage may be slow, and the next call goes on.
BATCH = 100


def purge(*, now: datetime) -> int:
    """Delete expired uploads, mark outdated evidence as erased, and delete the files of erased evidence.

    Does at most BATCH uploads, BATCH alerts and BATCH files; returns how many rows were deleted or changed.
    """
    return purge_uploads(now=now) + erase_outdated(now=now) + _delete_erased_files()


def purge_uploads(*, now: datetime) -> int:
    """Delete at most BATCH expired uploads with their files; return how many. An upload claimed within FINISHING_FOR
    stays.

    A file that a dead process had put into the storage without an evidence row is deleted too.
    """
    is_dead = Q(finishing_at=None) | Q(finishing_at__lte=now - keeping.FINISHING_FOR)
    outdated = list(Upload.objects.filter(is_dead, expires_at__lte=now).order_by("expires_at")[:BATCH])
    for upload in outdated:
        if upload.name and not Evidence.objects.filter(name=upload.name).exists():
            keeping.storage().delete(upload.name)
        spool.discard(upload.id)
        upload.delete()
    return len(outdated)


def erase_outdated(*, now: datetime) -> int:
    """Mark the evidence of at most BATCH alerts that ended EVIDENCE_KEPT_DAYS ago as erased; return how many files are
    marked.

    Alerts under legal hold are left out. Each file gets a timeline entry. A later step of `purge` deletes the files.
    """
    ended = now - timedelta(days=settings.EVIDENCE_KEPT_DAYS)
    outdated = Evidence.objects.filter(
        erased_at=None,
        added_at__lte=ended + limits.LATE_UPLOADS_FOR + limits.OPEN_FOR,
        alert__ended_at__lte=ended,
        alert__legal_hold=None,
    )
    alert_ids = list(outdated.order_by("alert_id").values_list("alert_id", flat=True).distinct()[:BATCH])
    return sum(_erase(alert_id, now=now) for alert_id in alert_ids)


def shown_to_owner(alert: SosAlert, *, now: datetime) -> QuerySet[Evidence]:
    """The evidence that the owner's devices show, oldest first.

    Under duress the alert really ends later than the owner's devices show. Its evidence is kept longer, counted from
    the real end, but shown no longer than if the alert had ended at the moment of the duress PIN.
    """
    ended_at = view.shown(alert).ended_at
    if ended_at and now >= ended_at + timedelta(days=settings.EVIDENCE_KEPT_DAYS):
        return Evidence.objects.none()
    return Evidence.objects.filter(alert=alert, erased_at=None).order_by("id")


@transaction.atomic
def _erase(alert_id: UUID, *, now: datetime) -> int:
    clock.set_short_timeouts()
    # Setting a hold takes the same lock.
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
    erased = list(Evidence.objects.filter(erased_at__isnull=False).exclude(name="").order_by("erased_at")[:BATCH])
    for evidence in erased:
        for name in filter(None, (evidence.name, evidence.spare_name)):
            keeping.storage().delete(name)
        # Without its key also a copy of the file is lost, like one in a backup of the disk.
        Evidence.objects.filter(id=evidence.id).update(name="", spare_name="", file_key=b"")
    return len(erased)


@transaction.atomic
def hold(*, alert_id: UUID, by_id: UUID | None, now: datetime) -> bool:
    """Put the alert under legal hold: its evidence is kept until `release`. Returns whether the hold is new."""
    SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
    _, is_new = LegalHold.objects.get_or_create(alert_id=alert_id, defaults={"by_id": by_id, "since": now})
    if is_new:
        journal.record(alert_id, EventKind.EVIDENCE_HELD, by=journal.OPERATOR, now=now)
    return is_new


@transaction.atomic
def release(*, alert_id: UUID, now: datetime) -> bool:
    """End the alert's legal hold, so that its evidence is erased in time; return whether the alert was held."""
    SosAlert.objects.select_for_update(no_key=True).get(id=alert_id)
    deleted, _ = LegalHold.objects.filter(alert_id=alert_id).delete()
    if deleted:
        journal.record(alert_id, EventKind.EVIDENCE_RELEASED, by=journal.OPERATOR, now=now)
    return bool(deleted)
