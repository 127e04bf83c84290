"""Rows of an installation that wait for a time: moved nearer to it, held back from it, looked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tests.world.database import Database

# One statement, so that no process finds one row moved and another not. A message that a process holds is left alone:
# `dispatched` and `sending` last for moments, not for minutes.
_PASS = """
WITH passed AS (SELECT %s::interval AS by),
steps AS (UPDATE alerts_escalationstep SET due_at = due_at - by FROM passed),
timers AS (UPDATE alerts_activitytimer SET ends_at = ends_at - by, due_at = due_at - by, nudge_at = nudge_at - by
    FROM passed WHERE status = 'armed'),
answers AS (UPDATE alerts_answer SET at = at - by FROM passed),
drills AS (UPDATE alerts_sosalert SET created_at = created_at - by FROM passed WHERE is_drill AND ended_at IS NULL)
UPDATE messaging_message SET due_at = due_at - by, deadline_at = deadline_at - by, queued_at = queued_at - by,
    accepted_at = accepted_at - by
FROM passed WHERE state IN ('queued', 'accepted', 'sent')
"""
_HOLD = "UPDATE config_periodicrun SET due_at = now() + %s WHERE name = %s"
_IN_MOTION = """
SELECT EXISTS (SELECT FROM messaging_message
    WHERE final_at IS NULL AND state <> 'unconfirmed' AND address = ANY(%s))
"""
_ESCALATING = "SELECT EXISTS (SELECT FROM alerts_escalationstep WHERE alert_id = %s AND state = 'pending')"


class DueTimes(Database):
    """The part of a World that knows what waits."""

    def pass_time(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Let this much time pass for escalation steps, armed timers, contacts' answers, open drills, and messages that
        wait in the outbox or for news.

        Processes do at once what became due, and time what follows from now. So pass time up to the next thing that
        a story expects, wait for it, and pass time again.
        """
        self.execute(_PASS, timedelta(minutes=minutes, seconds=seconds))

    def pass_the_hour_of_a_pin(self) -> None:
        """Let both PINs be heard again for alerts for which one was accepted."""
        self.execute("UPDATE identity_acceptedpin SET at = at - interval '1 hour'")

    @contextmanager
    def hold_periodic(self, name: str) -> Iterator[None]:
        """Keep periodic work from becoming due during the block: only a notice starts it then."""
        self.execute(_HOLD, timedelta(hours=1), name)
        try:
            yield
        finally:
            self.execute(_HOLD, timedelta(), name)

    def make_zone_older(self, zone_id: str, *, hours: float) -> None:
        """Move the time a geozone was placed back. Forgets what is known of a person in it, so call this first."""
        older = "UPDATE geo_geozone SET placed_at = placed_at - %s WHERE id = %s"
        self.execute(older, timedelta(hours=hours), zone_id)

    def is_at_rest(self, addresses: list[str]) -> bool:
        """Whether every message to these addresses has ended, or is `unconfirmed`."""
        return self.rows(_IN_MOTION, addresses) == [(False,)]

    def is_escalating(self, alert_id: str) -> bool:
        """Whether a step of the alert is still to be taken."""
        return self.rows(_ESCALATING, alert_id) == [(True,)]
