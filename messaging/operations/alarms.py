"""Operator alarms: a row in the caller's transaction, and an error in the log (with SENTRY_DSN also at Sentry)."""

from datetime import datetime

import structlog
from django.conf import settings
from django.core.mail import send_mail
from psycopg.types.json import Jsonb

from messaging.database.sql import rows
from messaging.models import OperatorAlarm

log = structlog.get_logger(__name__)


_RAISE = """
INSERT INTO messaging_operatoralarm AS a (code, detail, times, raised_at)
VALUES (%(code)s, %(detail)s, %(times)s, %(now)s)
ON CONFLICT (code) WHERE mailed_at IS NULL
DO UPDATE SET times = a.times + excluded.times, detail = excluded.detail
"""


def alarm(code: str, *, now: datetime, times: int = 1, **detail: int | str) -> None:
    """Alarm the operator of a fault that has just happened `times` times.

    If an alarm of the same code waits to be mailed, its row counts up and gets the new `detail`; otherwise a new row is
    written. `detail` holds ids and counts only.
    """
    log.error("operator_alarm", code=code, times=times, **detail)
    rows(_RAISE, {"code": code, "detail": Jsonb(detail), "times": times, "now": now})


def mail_alarms(*, now: datetime) -> int:
    """Mail all alarms that are not mailed yet to OPS_EMAILS, in one e-mail; returns the number of alarms.

    Without OPS_EMAILS the alarms only count as mailed. An error of the mail server is raised, and the alarms stay.
    """
    pending = list(OperatorAlarm.objects.filter(mailed_at__isnull=True).order_by("id"))
    if not pending:
        return 0
    if settings.OPS_EMAILS:
        lines = [f"{a.raised_at:%Y-%m-%d %H:%M:%S} UTC  {a.code} x{a.times}  {a.detail}" for a in pending]
        send_mail(f"AlertMe: {pending[-1].code}", "\n".join(lines), None, settings.OPS_EMAILS)
    for row in pending:
        # An alarm that was raised again during the mail has counted up: it stays for the next mail.
        OperatorAlarm.objects.filter(id=row.id, times=row.times).update(mailed_at=now)
    return len(pending)
