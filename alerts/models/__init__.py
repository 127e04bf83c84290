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

__all__ = [
    "OPEN",
    "OPEN_TO_OWNER",
    "AlertEvent",
    "AlertStatus",
    "ContactLink",
    "EventKind",
    "Evidence",
    "EvidenceKind",
    "FeignedEnd",
    "LegalHold",
    "Notification",
    "NotificationKind",
    "SosAlert",
    "Upload",
]
