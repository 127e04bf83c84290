from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from identity import retention
from identity.models import IdempotencyRecord, RateCount, Session, User, Verification
from identity.sessions import tokens
from messaging.database import clock


def _fill(user: User, *, at: datetime) -> None:
    """Create one row of each kind that expires at `at`."""
    Verification.objects.create(
        id=uuid4(),
        phone_number="+996700654321",
        is_known_number=False,
        password="",
        code_salt=b"",
        code_hash=b"",
        tries_left=5,
        sent_at=at,
        expires_at=at - timedelta(hours=1),
    )
    RateCount.objects.create(key=b"key", window_start=at - timedelta(days=1), count=1)
    Session.objects.create(user=user, jti="x", rotated_at=at, expires_at=at)
    IdempotencyRecord.objects.create(
        user=user, method="POST", path="/", key=str(uuid4()), body_sha256=b"", created_at=at - timedelta(days=1)
    )


def test_only_expired_rows_are_deleted(ana: User) -> None:
    now = clock.now()
    _fill(ana, at=now)
    _fill(ana, at=now + timedelta(seconds=1))
    assert retention.purge(now=now) == 4
    assert retention.purge(now=now) == 0
    for model in (Verification, RateCount, Session, IdempotencyRecord):
        assert model.objects.count() == 1


def test_a_call_deletes_a_bounded_number(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    now = clock.now()
    for _ in range(3):
        tokens.open_session(ana, now=now - timedelta(days=100))
    assert [retention.purge(now=now) for _ in range(3)] == [2, 1, 0]
