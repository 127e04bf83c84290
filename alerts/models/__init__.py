from alerts.models.alert import (
    OPEN,
    AlertEvent,
    AlertStatus,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
)
from alerts.models.link import ContactLink

__all__ = [
    "OPEN",
    "AlertEvent",
    "AlertStatus",
    "ContactLink",
    "EventKind",
    "Notification",
    "NotificationKind",
    "SosAlert",
]
