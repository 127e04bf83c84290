from contextlib import suppress
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


def test_a_wider_network_has_a_larger_limit_than_the_client(db: None) -> None:
    """Found: a client with a /48 had 65,536 limits. Now: four."""
    heard = 0
    for client in range(300):
        try:
            rates.spend_by_network(TWICE, client_ip=f"2001:db8:1:{client:x}::1", now=NOON)
            heard += 1
        except TooManyRequests:
            continue
    assert heard == 8


def test_refused_uses_of_a_client_do_not_count_against_its_neighbours(db: None) -> None:
    for _ in range(20):
        with suppress(TooManyRequests):
            rates.spend_by_network(TWICE, client_ip="2001:db8:1:2::1", now=NOON)
    rates.spend_by_network(TWICE, client_ip="2001:db8:1:3::1", now=NOON)


def test_what_is_given_back_is_free_again(db: None) -> None:
    for _ in range(5):
        rates.spend_by_network(TWICE, "value", client_ip="2001:db8:1:2::1", now=NOON)
        rates.give_back_by_network(TWICE, "value", client_ip="2001:db8:1:2::1", now=NOON)
    assert set(RateCount.objects.values_list("count", flat=True)) == {0}


@pytest.mark.django_db(transaction=True)
def test_uses_at_once_never_exceed_the_limit() -> None:
    used = at_once(*[lambda: rates.spend(TWICE, "value", now=NOON)] * 8)
    assert used.count(None) == TWICE.times
    assert RateCount.objects.get().count == 8
