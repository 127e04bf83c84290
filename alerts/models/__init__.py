from alerts.models.alert import (
    CALLING,
    ENDED,
    OPEN,
    OPEN_TO_OWNER,
    AlertEvent,
    AlertKind,
    AlertMove,
    AlertStatus,
    EventKind,
    Notification,
    NotificationKind,
    SosAlert,
    TimelineSeal,
)
from alerts.models.duress import FeignedEnd
from alerts.models.escalation import Answer, AnswerKind, EscalationStep, StepKind, StepState, Via
from alerts.models.evidence import Evidence, EvidenceKind, LegalHold, Upload
from alerts.models.link import ContactLink
from alerts.models.policy import EscalationPolicy, KeptPolicy
from alerts.models.position import AlertPosition
from alerts.models.timer import ActivityTimer, Heartbeat, TimerStatus

__all__ = [
    "CALLING",
    "ENDED",
    "OPEN",
    "OPEN_TO_OWNER",
    "ActivityTimer",
    "AlertEvent",
    "AlertKind",
    "AlertMove",
    "AlertPosition",
    "AlertStatus",
    "Answer",
    "AnswerKind",
    "ContactLink",
    "EscalationPolicy",
    "EscalationStep",
    "EventKind",
    "Evidence",
    "EvidenceKind",
    "FeignedEnd",
    "Heartbeat",
    "KeptPolicy",
    "LegalHold",
    "Notification",
    "NotificationKind",
    "SosAlert",
    "StepKind",
    "StepState",
    "TimelineSeal",
    "TimerStatus",
    "Upload",
    "Via",
]
