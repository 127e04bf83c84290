"""The same fixes give the same events, however they are uploaded and however many workers evaluate them."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from geo import evaluation
from geo.models import DueEvaluation, Fix, GeoZone, Whereabouts, ZoneEvent
from identity.models import EmergencyContact, RateCount, User
from messaging.models import Message, MessageEvent
from tests.geo.stories import evaluate_all, make_zone, walk
from tests.geo.uploads import upload
from tests.race import at_once

_ERRAND = [*[0] * 6, 90, 180, 270, 360, 450, *[500] * 6, 420, 330, 240, 150, 60, *[0] * 6, 110, 220, 330, 440]


def _events() -> list[Any]:
    found = ZoneEvent.objects.order_by("fix_at", "zone__name")
    return list(found.values_list("zone__name", "direction", "fix_id", "rule", "distance_m", "fixes", "told"))


def _forget() -> None:
    # Each example uploads more batches than a phone may in five minutes.
    RateCount.objects.all().delete()
    for model in (ZoneEvent, MessageEvent, Message, Fix, DueEvaluation):
        model.objects.all().delete()
    Whereabouts.objects.update(state={}, seen_at=None, seen_id=None)


def _deliver(phone: APIClient, fixes: list[Any], cuts: set[int], chance: random.Random, workers: list[int]) -> None:
    """Upload shuffled batches with repeats of earlier fixes. Sometimes several workers evaluate them at once."""
    borders = [0, *sorted(cuts), len(fixes)]
    ana = User.objects.get(phone_number="+996555123456")
    for number, (start, end) in enumerate(itertools.pairwise(borders)):
        batch = fixes[start:end] + chance.sample(fixes[:end], min(end, 3))
        upload(phone, chance.sample(batch, len(batch)))
        if chance.random() < 0.6:
            at_once(*[lambda: evaluation.evaluate([ana.id])] * workers[number % len(workers)])
    evaluate_all()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.sets(st.integers(1, len(_ERRAND) - 1), max_size=12),
    seed=st.integers(0, 10**6),
    accuracy=st.sampled_from([5, 15, 40]),
    workers=st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
@pytest.mark.django_db(transaction=True)
def test_any_split_order_repeats_and_workers(
    phone: APIClient, aida: EmergencyContact, cuts: set[int], seed: int, accuracy: float, workers: list[int]
) -> None:
    if not GeoZone.objects.exists():
        make_zone(phone)
        make_zone(phone, name="Town", radius=300)
    chance = random.Random(seed)
    fixes = walk(*_ERRAND, accuracy=accuracy)
    upload(phone, fixes)
    evaluate_all()
    expected = _events()
    assert len(expected) >= 2
    _forget()
    _deliver(phone, fixes, cuts, chance, workers)
    assert _events() == expected
    _forget()
