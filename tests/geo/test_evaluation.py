import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from geo import evaluation, hints, policy
from geo.models import DueEvaluation, Fix, Whereabouts, ZoneEvent
from identity.models import EmergencyContact, User
from messaging.database import clock
from tests.geo.conftest import app
from tests.geo.stories import LEAVES, evaluate_all, events, make_zone, texts, walk
from tests.geo.uploads import upload
from tests.race import at_once

pytestmark = pytest.mark.django_db


def test_fixes_ask_for_one_evaluation_of_the_person(phone: APIClient, ana: User) -> None:
    make_zone(phone)
    upload(phone, walk(0, 0, 0))
    upload(phone, walk(0, 0, 0))
    assert hints.take_due() == [[str(ana.id)]]
    assert hints.take_due() == []
    assert hints.take_neglected() == []
    DueEvaluation.objects.update(hinted_at=clock.now() - timedelta(seconds=2))
    assert hints.take_neglected() == [ana.id]
    assert hints.take_neglected() == []


def test_whose_evaluation_always_fails_keeps_no_neglected_person_back(
    ana: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "HINT_SIZE", 1)
    for person in (ana, stranger):
        _left_work(person)
    hints.take_due()
    # Ana's fixes were due first, and stay due: their evaluation fails.
    DueEvaluation.objects.filter(person=ana).update(due_at=clock.now() - timedelta(hours=1))
    rescued = []
    for _ in range(4):
        DueEvaluation.objects.update(hinted_at=F("hinted_at") - timedelta(seconds=2))
        rescued += hints.take_neglected()
    assert rescued.count(ana.id) == rescued.count(stranger.id) == 2


def test_an_upload_during_an_evaluation_is_evaluated_after_it(
    phone: APIClient, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_zone(phone)
    upload(phone, walk(0, 0))
    fold = evaluation._fold

    def uploads_meanwhile(*arguments: Any, **until: Any) -> Any:
        happened = list(fold(*arguments, **until))
        upload(phone, walk(0))
        return iter(happened)

    monkeypatch.setattr(evaluation, "_fold", uploads_meanwhile)
    evaluate_all()
    assert DueEvaluation.objects.get().person_id == ana.id


@pytest.mark.django_db(transaction=True)
def test_any_number_of_workers_tell_once(phone: APIClient, ana: User, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*LEAVES))
    found = at_once(*[lambda: evaluation.evaluate([ana.id])] * 5)
    assert sorted(found) == [0, 0, 0, 0, 1]
    assert events() == [("exit", "told")]
    assert len(texts()) == 1


def test_an_evaluation_that_fails_leaves_everything_to_the_next(
    phone: APIClient, ana: User, aida: EmergencyContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_zone(phone)
    upload(phone, walk(*LEAVES))
    with monkeypatch.context() as broken:
        broken.setattr("geo.telling.ZoneEvent.objects.create", _fail)
        with pytest.raises(RuntimeError):
            evaluate_all()
    assert events() == []
    evaluate_all()
    assert events() == [("exit", "told")]
    assert Fix.objects.count() == len(LEAVES)


def _fail(**_: Any) -> None:
    raise RuntimeError


def _left_work(person: User) -> None:
    phone = app(person)
    make_zone(phone)
    upload(phone, walk(*LEAVES))


def test_one_persons_fault_costs_the_others_nothing(ana: User, stranger: User) -> None:
    for person in (ana, stranger):
        _left_work(person)
    Whereabouts.objects.filter(person=ana).update(state={"seen": 5})
    assert evaluation.evaluate([ana.id, stranger.id]) == 1
    assert [event.zone.owner for event in ZoneEvent.objects.all()] == [stranger]
    # Ana's fixes are still due.
    assert list(DueEvaluation.objects.values_list("person_id", flat=True)) == [ana.id]
    with pytest.raises(TypeError):
        evaluation.evaluate([ana.id])


@pytest.mark.django_db(transaction=True)
def test_one_persons_transaction_that_is_ended_for_its_idleness_costs_the_others_nothing(
    ana: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (ana, stranger):
        _left_work(person)
    monkeypatch.setattr(clock, "IDLE_LIMIT", "50ms")
    fold = evaluation._fold

    def folds_hers_for_too_long(whereabouts: Whereabouts, *arguments: Any, **until: Any) -> Any:
        if whereabouts.person_id == ana.id:
            time.sleep(0.5)  # PostgreSQL's own timer counts: no clock of ours can be moved.
        return fold(whereabouts, *arguments, **until)

    monkeypatch.setattr(evaluation, "_fold", folds_hers_for_too_long)
    assert evaluation.evaluate([ana.id, stranger.id]) == 1
    assert [event.owner for event in ZoneEvent.objects.all()] == [stranger]
    assert list(DueEvaluation.objects.values_list("person_id", flat=True)) == [ana.id]


@pytest.mark.django_db(transaction=True)
def test_the_same_people_in_two_orders_at_once(ana: User, stranger: User) -> None:
    for person in (ana, stranger):
        _left_work(person)
    both = [ana.id, stranger.id]
    assert sum(at_once(*(lambda order=order: evaluation.evaluate(order) for order in (both, both[::-1])))) == 2


def test_fixes_of_several_people_in_more_steps_than_one(
    ana: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "EVALUATION_STEP", 6)
    for person in (ana, stranger):
        _left_work(person)
    assert evaluation.evaluate([ana.id, stranger.id]) == 2
    assert not DueEvaluation.objects.exists()


def test_fixes_that_take_long_are_evaluated_in_more_steps_than_one(
    ana: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded: list[list[Any]] = []
    remember = evaluation._remember

    def notes_how_far(people: list[Whereabouts]) -> None:
        folded.append([person.seen_id for person in people])
        remember(people)

    monkeypatch.setattr(evaluation, "_remember", notes_how_far)
    monkeypatch.setattr(policy, "FOLDING_S", 0)
    for person in (ana, stranger):
        _left_work(person)
    assert evaluation.evaluate([ana.id, stranger.id]) == 2
    # Each step evaluates one fix of each person: neither waits for the other.
    assert [len(step) for step in folded] == [2] * len(LEAVES)
    assert {seen_id for step in folded for seen_id in step} == set(Fix.objects.values_list("id", flat=True))
    assert not DueEvaluation.objects.exists()
