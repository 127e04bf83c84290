from datetime import UTC, datetime, timedelta

import pytest

from identity.api import rates
from identity.api.rates import Limit, TooManyRequests
from identity.models import RateCount
from tests.race import at_once

TWICE = Limit(scope="test", times=2, window=timedelta(hours=1))
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_window_ends_and_says_when(db: None) -> None:
    for _ in range(2):
        rates.spend(TWICE, "value", now=NOON + timedelta(minutes=50))
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(TWICE, "value", now=NOON + timedelta(minutes=59, seconds=58.5))
    assert refused.value.retry_after_s == 2
    rates.spend(TWICE, "another", now=NOON + timedelta(minutes=59))
    rates.spend(TWICE, "value", now=NOON + timedelta(hours=1))


def test_the_counted_value_is_not_stored(db: None) -> None:
    rates.spend(TWICE, "+996555123456", now=NOON)
    row = RateCount.objects.get()
    assert len(bytes(row.key)) == 32
    assert b"996555123456" not in bytes(row.key)


def test_windows_and_scopes_are_counted_apart(db: None) -> None:
    rates.spend(TWICE, "value", now=NOON)
    rates.spend(Limit(scope="test", times=2, window=timedelta(days=1)), "value", now=NOON)
    rates.spend(Limit(scope="other", times=2, window=timedelta(hours=1)), "value", now=NOON)
    assert set(RateCount.objects.values_list("count", flat=True)) == {1}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert rates.network_of(address) == network


@pytest.mark.django_db(transaction=True)
def test_uses_at_once_never_exceed_the_limit() -> None:
    used = at_once(*[lambda: rates.spend(TWICE, "value", now=NOON)] * 8)
    assert sorted(use for use in used if isinstance(use, int)) == [1, 2]
    assert RateCount.objects.get().count == 8
