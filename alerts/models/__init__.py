from alerts.models.alert import (
    OPEN,
    AlertEvent,
    AlertStatus,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
)

__all__ = ["OPEN", "AlertEvent", "AlertStatus", "EventKind", "Notification", "NotificationKind", "SosAlert"]
