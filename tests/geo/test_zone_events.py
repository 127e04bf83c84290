import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from geo import evaluation, hints
from geo import policy as geo_policy
from geo.models import DueEvaluation, Fix, GeoZone, Whereabouts, ZoneEvent
from identity.contacts import contacts
from identity.models import EmergencyContact, User
from messaging import policy
from messaging.database import clock
from messaging.models import Message, MessageClass
from tests.geo.conftest import app
from tests.geo.stories import LEAVES, evaluate_all, events, leave, make_zone, texts, walk
from tests.geo.uploads import history, upload
from tests.race import at_once

pytestmark = pytest.mark.django_db
AIDA, BEK = "+996700100000", "+996700100001"


def test_leaving_a_zone_tells_its_contacts_in_their_languages(phone: APIClient, bek: EmergencyContact) -> None:
    make_zone(phone)
    leave(phone)
    assert texts() == [(AIDA, "AlertMe: Ana Asanova left: Work."), (BEK, "AlertMe: Ana Asanova вне зоны: Work.")]
    for message in Message.objects.all():
        assert message.message_class == MessageClass.SAFETY
        assert message.deadline_at - message.queued_at == timedelta(minutes=15)


def test_an_event_says_what_decided_it(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    fixes = walk(*LEAVES)
    upload(phone, fixes)
    evaluate_all()
    [event] = phone.get(f"/api/v1/geozones/{zone['id']}/events/").data["results"]
    assert (event["direction"], event["told"], event["contacts_told"]) == ("exit", "told", 1)
    assert event["rule"] in ("evidence", "crossing")
    assert event["distance"] > event["margin"] > 0
    assert event["fix"]["id"] in [f["id"] for f in fixes[7:9]]
    assert event["fix"]["accuracy"] == 10
    assert ZoneEvent.objects.get().message_ids == [Message.objects.get().id]


def test_the_first_fixes_are_the_baseline(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*[500] * 10))
    evaluate_all()
    assert events() == []
    assert not DueEvaluation.objects.exists()


def test_coming_back_is_told_too_and_coalesced(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*LEAVES, *reversed(LEAVES)))
    evaluate_all()
    assert events() == [("exit", "told"), ("enter", "told")]
    assert texts() == [(AIDA, "AlertMe: Ana Asanova left: Work.\nAlertMe: Ana Asanova arrived: Work.")]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"notify_on_exit": False}, "not_wanted"),
        ({"contact_ids": []}, "no_contacts"),
        ({"schedule": "yesterday"}, "outside_schedule"),
    ],
)
def test_what_is_not_told_is_kept_with_the_reason(
    phone: APIClient, aida: EmergencyContact, fields: dict[str, Any], told: str
) -> None:
    if "schedule" in fields:
        day = (clock.now() - timedelta(days=2)).isoweekday()
        fields = {"schedule": {"days": [day], "from": "00:00", "to": "00:00", "time_zone": "UTC"}}
    make_zone(phone, **fields)
    leave(phone)
    assert events() == [("exit", told)]
    assert texts() == []


def test_only_the_chosen_contacts_are_told(phone: APIClient, bek: EmergencyContact) -> None:
    make_zone(phone, contact_ids=[str(bek.id)])
    leave(phone)
    assert [address for address, _ in texts()] == [BEK]


def test_who_has_declined_is_told_of_no_zone(phone: APIClient, aida: EmergencyContact, bek: EmergencyContact) -> None:
    contacts.decline(person_id=aida.user_id, contact_id=aida.id, now=clock.now())
    make_zone(phone)
    leave(phone)
    assert [address for address, _ in texts()] == [BEK]


def test_a_zone_whose_chosen_contact_has_declined_tells_nobody(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone, contact_ids=[str(aida.id)])
    contacts.decline(person_id=aida.user_id, contact_id=aida.id, now=clock.now())
    leave(phone)
    assert events() == [("exit", "no_contacts")]
    assert texts() == []


def test_a_zone_that_is_switched_off_sees_nothing(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone, is_active=False)
    leave(phone)
    assert events() == []


def test_fixes_from_before_the_zone_say_nothing_about_it(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    GeoZone.objects.update(placed_at=clock.now())
    leave(phone)
    assert events() == []


def test_an_hour_offline_is_history_and_texts_nobody(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    leave(phone, until=clock.now() - timedelta(hours=1))
    assert events() == [("exit", "late")]
    assert texts() == []
    assert len(history(phone)) == len(LEAVES)


def test_fixes_that_come_after_later_ones_change_nothing(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*[0] * 10))
    evaluate_all()
    upload(phone, walk(*LEAVES, until=clock.now() - timedelta(minutes=3)))
    evaluate_all()
    assert events() == []
    assert len(history(phone)) == 20


def test_a_zone_that_is_moved_begins_anew(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    upload(phone, walk(*[0] * 6, until=clock.now() - timedelta(minutes=1)))
    evaluate_all()
    moved = phone.patch(
        f"/api/v1/geozones/{zone['id']}/", {"latitude": 10.0, "longitude": 10.0, "radius": 50}, format="json"
    )
    assert moved.status_code == 200
    upload(phone, walk(0, 0, until=clock.now() + timedelta(seconds=10)))
    evaluate_all()
    assert events() == []


def test_changed_zones_are_seen_at_once_though_cached(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    upload(phone, walk(*[0] * 6, until=clock.now() - timedelta(minutes=2)))
    evaluate_all()
    phone.patch(f"/api/v1/geozones/{zone['id']}/", {"name": "Office"}, format="json")
    upload(phone, walk(0, 80, 160, 240, 320))
    evaluate_all()
    assert texts() == [(AIDA, "AlertMe: Ana Asanova left: Office.")]


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
    monkeypatch.setattr(geo_policy, "HINT_SIZE", 1)
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


def test_texts_fit_one_segment(phone: APIClient, ana: User, bek: EmergencyContact) -> None:
    ana.first_name, ana.last_name = "Ж" * 50, "Щ" * 50
    ana.save()
    EmergencyContact.objects.create(user=ana, name="K", phone_number="+996700100002", language="ky", order=2)
    make_zone(phone, name="Ы" * 100)
    leave(phone)
    for message in Message.objects.all():
        assert message.segments == 1, message.language
    assert len(texts()) == 3
    assert policy.COALESCED_SEGMENTS == 3


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
    monkeypatch.setattr(geo_policy, "EVALUATION_STEP", 6)
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
    monkeypatch.setattr(geo_policy, "FOLDING_S", 0)
    for person in (ana, stranger):
        _left_work(person)
    assert evaluation.evaluate([ana.id, stranger.id]) == 2
    # Each step evaluates one fix of each person: neither waits for the other.
    assert [len(step) for step in folded] == [2] * len(LEAVES)
    assert {seen_id for step in folded for seen_id in step} == set(Fix.objects.values_list("id", flat=True))
    assert not DueEvaluation.objects.exists()


def test_the_person_sees_where_they_are_and_since_when(phone: APIClient, aida: EmergencyContact) -> None:
    work, town = make_zone(phone), make_zone(phone, name="Town", radius=1_000)
    assert (work["presence"]["state"], work["presence"]["since"]) == ("unknown", None)
    fixes = walk(*LEAVES)
    upload(phone, fixes)
    evaluate_all()
    shown = {zone["name"]: zone["presence"] for zone in phone.get("/api/v1/geozones/").data["results"]}
    left = phone.get(f"/api/v1/geozones/{work['id']}/events/").data["results"][0]["fix"]["recorded_at"]
    assert shown["Work"]["state"] == "outside"
    assert datetime.fromisoformat(shown["Work"]["since"]) == datetime.fromisoformat(left)
    assert datetime.fromisoformat(shown["Work"]["as_of"]) == datetime.fromisoformat(fixes[-1]["recorded_at"])
    assert shown["Town"]["state"] == "inside"
    assert datetime.fromisoformat(shown["Town"]["since"]) < datetime.fromisoformat(left)
    # After a move nothing is known.
    url = f"/api/v1/geozones/{town['id']}/"
    assert phone.get(url).data["presence"] == shown["Town"]
    elsewhere = {"latitude": 42.0, "longitude": 74.0, "radius": 100}
    assert phone.patch(url, elsewhere, format="json").data["presence"]["state"] == "unknown"


def test_events_outlive_their_zone(phone: APIClient, aida: EmergencyContact, stranger: User) -> None:
    zone = make_zone(phone)
    leave(phone)
    url = f"/api/v1/geozones/{zone['id']}/"
    phone.patch(url, {"name": "Old work"}, format="json")
    assert phone.delete(url).status_code == 204
    assert phone.get(url).status_code == 404
    for path in (f"{url}events/", "/api/v1/geozones/events/"):
        [event] = phone.get(path).data["results"]
        assert (event["zone_id"], event["zone_name"], event["direction"]) == (zone["id"], "Work", "exit")
    theirs = app(stranger)
    assert theirs.get(f"{url}events/").status_code == 404
    assert theirs.get("/api/v1/geozones/events/").data["results"] == []
    ana = User.objects.get(first_name="Ana")
    ana.delete()
    assert not ZoneEvent.objects.exists()
