"""Strikes the processes of an installation exactly at the steps that tests/faults/points.py names.

An app of tests/faults/settings.py. It wraps functions of the product in every process when Django is ready.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psycopg
from django.apps import AppConfig

from tests.faults.points import reached

T = TypeVar("T")


class StruckHere(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        # Views and actors cannot be imported before Django is ready.
        from alerts.sos.views import AlertsView
        from config.broker import QuorumBroker
        from identity.api import idempotency
        from messaging import moves
        from messaging.delivery import claims, dispatch, outcomes
        from messaging.delivery.courier import Courier
        from messaging.delivery.outcomes import OutcomeWriter
        from messaging.providers.twilio_http import _PunctualRequest
        from messaging.reports import delivery_reports
        from messaging.webhooks.views import TwilioStatusView

        _after(idempotency, idempotency._keep, "sos before commit")
        _after(AlertsView, AlertsView.post, "sos after commit")
        _after_each_notice("notice received")
        _after(dispatch, dispatch._dispatch, "grant before commit")
        _after(dispatch, dispatch._grant_next, "grant after commit", when=lambda grant: bool(grant and grant.hints))
        _after(
            QuorumBroker, QuorumBroker.enqueue, "hint published", when=lambda message: message.actor_name == "deliver"
        )
        _after(claims, claims._with_new_slots, "claim before commit", when=bool)
        _after(claims, claims.claim, "claim after commit", when=bool)
        _after(Courier, Courier.deliver, "hint not acknowledged", when=bool)
        _around_writing(_PunctualRequest, "request not written", "request written")
        _before(OutcomeWriter, OutcomeWriter.put, "reply not recorded")
        _after(outcomes, outcomes._raise_alarms, "record before commit")
        _after(outcomes, outcomes.write_outcomes, "record after commit")
        _after(delivery_reports, moves.move, "callback before commit")
        _after(
            TwilioStatusView, TwilioStatusView.post, "callback after commit", when=lambda told: told.status_code == 204
        )


def _before(owner: Any, original: Callable[..., Any], point: str) -> None:
    @functools.wraps(original)
    def struck(*args: Any, **kwargs: Any) -> Any:
        reached(point)
        return original(*args, **kwargs)

    setattr(owner, original.__name__, struck)


def _after(owner: Any, original: Callable[..., T], point: str, *, when: Callable[[T], bool] = lambda _: True) -> None:
    @functools.wraps(original)
    def struck(*args: Any, **kwargs: Any) -> T:
        result = original(*args, **kwargs)
        if when(result):
            reached(point)
        return result

    setattr(owner, original.__name__, struck)


def _after_each_notice(point: str) -> None:
    original = psycopg.Connection.notifies

    @functools.wraps(original)
    def struck(self: Any, **kwargs: Any) -> Iterator[psycopg.Notify]:
        for notice in original(self, **kwargs):
            reached(point)
            yield notice

    psycopg.Connection.notifies = struck  # type: ignore[assignment,method-assign]


def _around_writing(request_class: Any, before: str, after: str) -> None:
    """Strike before and after the bytes of a create request: they leave the process inside `write_bytes`."""
    original = request_class.write_bytes

    @functools.wraps(original)
    async def struck(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.method == "POST":
            reached(before)
        await original(self, *args, **kwargs)
        if self.method == "POST":
            reached(after)

    request_class.write_bytes = struck
