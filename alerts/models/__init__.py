from alerts.models.alert import (
    OPEN,
    OPEN_TO_OWNER,
    AlertEvent,
    AlertStatus,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
)
from alerts.models.duress import FeignedEnd
from alerts.models.evidence import Evidence, EvidenceKind, LegalHold, Upload
from alerts.models.link import ContactLink
from alerts.models.timer import ActivityTimer, Heartbeat, TimerStatus

__all__ = [
    "OPEN",
    "OPEN_TO_OWNER",
    "ActivityTimer",
    "AlertEvent",
    "AlertStatus",
    "ContactLink",
    "EventKind",
    "Evidence",
    "EvidenceKind",
    "FeignedEnd",
    "Heartbeat",
    "LegalHold",
    "Notification",
    "NotificationKind",
    "SosAlert",
    "TimerStatus",
    "Upload",
]
