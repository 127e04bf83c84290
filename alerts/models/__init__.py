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
from alerts.models.link import ContactLink

__all__ = [
    "OPEN",
    "OPEN_TO_OWNER",
    "AlertEvent",
    "AlertStatus",
    "ContactLink",
    "EventKind",
    "FeignedEnd",
    "Notification",
    "NotificationKind",
    "SosAlert",
]
