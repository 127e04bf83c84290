"""The contents of an export: for the owner all that the owner's devices show, for the operator everything."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework.serializers import ListSerializer
from rest_framework.utils.encoders import JSONEncoder

from alerts.evidence import keeping, retention, serving
from alerts.evidence.blocks import Readable
from alerts.evidence.serializers import KeptSerializer
from alerts.exports import geojson, messages
from alerts.exports.archive import File
from alerts.exports.bundle import Contents
from alerts.exports.keys import View
from alerts.models import AlertPosition, Evidence, SosAlert
from alerts.owner import reach, timeline, view
from alerts.owner.reach import AlertReport
from alerts.owner.serializers import TimelineSerializer
from alerts.sos.serializers import SosAlertSerializer
from alerts.timeline import chain, sealing
from identity.models import User
from messaging.operations import alarms


def shown_to_owner(alert: SosAlert, *, now: datetime) -> Contents:
    """The alert as the owner's devices show it: under duress, as if it had ended at the moment of the duress PIN."""
    return _contents(
        alert,
        reach.report(alert, language=alert.owner.language),
        timeline.shown(alert, now=now),
        view.positions_shown(alert),
        retention.shown_to_owner(alert, now=now),
        as_view=View.OWNER,
        now=now,
    )


def whole(alert: SosAlert, *, now: datetime) -> Contents:
    """The alert as it really is, with every message and every attempt to send one: for operators only."""
    return _contents(
        alert,
        reach.whole_report(alert, language=alert.owner.language),
        sealing.whole(alert.id, now=now),
        alert.positions.all(),
        Evidence.objects.filter(alert=alert).order_by("id"),
        as_view=View.OPERATOR,
        now=now,
        duress_at=alert.duress_at,
        shown_to_owner_as=view.shown(alert).status if alert.duress_at else None,
        messages=messages.whole(alert),
    )


def _contents(
    alert: SosAlert,
    report: AlertReport,
    entries: list[chain.Entry],
    positions: QuerySet[AlertPosition],
    evidence: Iterable[Evidence],
    *,
    as_view: View,
    now: datetime,
    **more: Any,
) -> Contents:
    kept = list(evidence)
    said = {
        "person": _person(alert.owner),
        "alert": SosAlertSerializer(report).data,
        "evidence": ListSerializer(kept, child=KeptSerializer()).data,
        **more,
    }
    unreadable: list[str] = []

    def files() -> Iterator[File]:
        yield _json("alert.json", said)
        yield _json("timeline.json", TimelineSerializer({"entries": entries, "head": chain.head(entries)}).data)
        yield File("positions.geojson", geojson.feature_collection(positions))
        for each in kept:
            if each.erased_at is None:
                yield from _media(each, unreadable, now=now)

    return Contents(alert_id=str(alert.id), view=as_view, files=files(), timeline=entries, unreadable=unreadable)


def _person(owner: User) -> dict[str, Any]:
    names = {"first_name": owner.first_name, "last_name": owner.last_name}
    return {"id": owner.id, "phone_number": str(owner.phone_number), **names}


def _json(name: str, said: Any) -> File:
    return File(name, [json.dumps(said, indent=2, ensure_ascii=False, cls=JSONEncoder).encode()])


def _media(kept: Evidence, unreadable: list[str], *, now: datetime) -> Iterator[File]:
    """Yield the file of this piece of evidence.

    If the storage does not give all of its bytes, alarm the operator and add the file's name to `unreadable`.
    """
    name = f"evidence/{kept.id}.{kept.name.rpartition('.')[2]}"
    try:
        file = keeping.opened(kept)
    except OSError:
        _miss(kept, name, unreadable, now=now)
    else:
        yield File(name, _as_far_as_readable(file, kept, name, unreadable, now=now), size_at_most=kept.size)


def _as_far_as_readable(
    file: Readable, kept: Evidence, name: str, unreadable: list[str], *, now: datetime
) -> Iterator[bytes]:
    try:
        yield from serving.chunks(file, 0, kept.size)
    except OSError:
        _miss(kept, name, unreadable, now=now)


def _miss(kept: Evidence, name: str, unreadable: list[str], *, now: datetime) -> None:
    alarms.alarm("evidence_unreadable", now=now, evidence_id=str(kept.id))
    unreadable.append(name)
