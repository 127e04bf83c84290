import json
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from config import reporting

PHONE = "+996700123456"


class Kept(Transport):
    """Keeps the events that would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        event = envelope.get_event()
        if event:
            self.sent.append(dict(event))


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        PHONE[1:],
        "+996 700 123 456",
        "+996 (700) 12-34-56",
        "0700-123-456",
        "your code is 493817",
        "at 42.874621, 74.569762",
        f"Key (phone_number)=({PHONE}) already exists",
    ],
)
def test_numbers_codes_and_positions_are_blanked(text: str) -> None:
    event = {
        "message": text,
        "exception": {"values": [{"type": "Error", "value": text, "stacktrace": {"frames": ({"x": text},)}}]},
        "logentry": {"message": "%s", "params": (text,)},
        "tags": {"a": [text]},
    }
    scrubbed = json.dumps(reporting.scrub(event, {}))
    assert "[digits]" in scrubbed
    for part in ("996", "700", "493", "874621", "569762"):
        assert part not in scrubbed


def test_the_request_the_user_and_extra_data_are_dropped() -> None:
    event = {
        "request": {"url": "/a/token"},
        "user": {"id": 1},
        "extra": {"name": "Ana"},
        "breadcrumbs": [],
        "level": "error",
    }
    assert reporting.scrub(event, {}) == {"level": "error"}


def test_ids_and_times_of_the_event_itself_stay() -> None:
    event = {"event_id": "0123456789abcdef" * 2, "timestamp": "2026-05-01T12:00:00Z", "message": "message 17 failed"}
    assert reporting.scrub(dict(event), {}) == event


def test_a_report_that_is_sent_holds_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    started = sentry_sdk.init
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: started(transport=kept, **options))
    reporting.start("https://key@sentry.invalid/1")
    try:
        address = PHONE
        try:
            raise ValueError(f"cannot send to {address}")
        except ValueError:
            sentry_sdk.capture_exception()
        sentry_sdk.flush(5)
    finally:
        started()
    [event] = kept.sent
    told = json.dumps(event, default=str)
    assert "ValueError" in told
    assert address[1:] not in told
    # The words of an exception may name anybody. Its type and its place do not.
    assert "value" not in event["exception"]["values"][0]
    assert "vars" not in told


def test_without_a_dsn_nothing_is_started() -> None:
    before = sentry_sdk.get_client()
    reporting.start("")
    assert sentry_sdk.get_client() is before
