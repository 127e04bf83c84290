"""Activity timers through the API: armed, postponed, ended, and refused with a code."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from alerts.models import ActivityTimer
from alerts.timers import lifecycle
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.outbox import optouts
from tests.alerts.conftest import Arm, Contacts, app
from tests.alerts.timers.running_out import URL, pass_time

pytestmark = pytest.mark.django_db


def test_an_armed_timer_says_everything_about_itself(phone: APIClient, contacts: Contacts) -> None:
    aida, _ = contacts("Aida", "Bek")
    before = clock.now()
    body = {"duration_s": 1800, "grace_s": 60, "note": "Run", "place": "Park", "contact_ids": [str(aida.id)]}
    armed = phone.post(URL, body, format="json").json()
    assert armed["status"] == "armed"
    assert {name: armed[name] for name in body} == body
    assert (armed["extensions"], armed["last_heard"], armed["alert_id"], armed["ended_at"]) == (0, None, None, None)
    timer = ActivityTimer.objects.get()
    assert timedelta(0) <= timer.ends_at - before - timedelta(seconds=1800) < timedelta(seconds=5)
    assert timer.due_at == timer.ends_at + timedelta(seconds=60)
    assert timer.nudge_at == timer.ends_at - timedelta(minutes=5)
    assert phone.get(f"{URL}{armed['id']}/").json() == armed
    assert phone.get(URL).json()["results"] == [armed]
    assert phone.get(URL, {"status": "fired"}).json()["results"] == []


def test_an_end_instead_of_a_duration(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    ends_at = clock.now() + timedelta(hours=2)
    armed = phone.post(URL, {"ends_at": ends_at.isoformat()}, format="json")
    assert armed.status_code == 201
    assert abs(ActivityTimer.objects.get().ends_at - ends_at) < timedelta(seconds=1)
    assert armed.data["grace_s"] == 180


def test_a_short_timer_sends_its_nudge_in_its_last_quarter(arm: Arm) -> None:
    arm(duration_s=120)
    timer = ActivityTimer.objects.get()
    assert timer.nudge_at == timer.ends_at - timedelta(seconds=30)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"duration_s": 59},
        {"duration_s": 604_801},
        {"duration_s": 10**30},
        {"duration_s": "soon"},
        {"duration_s": 3600, "ends_at": "2026-11-24T12:00:00Z"},
        {"ends_at": "2020-01-01T00:00:00Z"},
        {"ends_at": "9999-12-31T23:59:59Z"},
        {"ends_at": "0001-01-01T00:00:00+14:00"},
        {"duration_s": 3600, "grace_s": -1},
        {"duration_s": 3600, "grace_s": 3601},
        {"duration_s": 3600, "note": "x" * 201},
        {"duration_s": 3600, "note": "\x07evil"},
        {"duration_s": 3600, "place": "\0"},
        {"duration_s": 3600, "place": ["a"]},
        {"duration_s": 3600, "contact_ids": ["me"]},
        {"duration_s": 3600, "contact_ids": [str(uuid4())] * 51},
        {"duration_s": 3600, "contact_ids": [str(uuid4())]},
    ],
)
def test_an_invalid_timer_is_refused(phone: APIClient, contacts: Contacts, body: Any) -> None:
    contacts("Aida")
    answer = phone.post(URL, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not ActivityTimer.objects.exists()


def test_another_persons_contact_is_nobodys(phone: APIClient, contacts: Contacts, stranger: User) -> None:
    contacts("Aida")
    theirs = EmergencyContact.objects.create(user=stranger, name="Nurlan", phone_number="+996700200000", order=0)
    answer = phone.post(URL, {"duration_s": 3600, "contact_ids": [str(theirs.id)]}, format="json")
    assert answer.json()["errors"]["contact_ids"][0]["code"] == "not_your_contact"


def test_without_contacts_nothing_is_armed(phone: APIClient) -> None:
    answer = phone.post(URL, {"duration_s": 3600}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_contacts")
    assert not ActivityTimer.objects.exists()


def test_with_nobody_who_can_be_reached_nothing_is_armed(phone: APIClient, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    optouts.ask(str(aida.phone_number), reason="STOP", now=clock.now())
    assert phone.post(URL, {"duration_s": 3600}, format="json").status_code == 201
    only_aida = phone.post(URL, {"duration_s": 3600, "contact_ids": [str(aida.id)]}, format="json")
    assert (only_aida.status_code, only_aida.json()["code"]) == (409, "no_reachable_contact")
    EmergencyContact.objects.filter(id=bek.id).update(phone_number="+79161234567")
    answer = phone.post(URL, {"duration_s": 3600}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_reachable_contact")


def test_the_number_of_armed_timers_is_limited(phone: APIClient, arm: Arm) -> None:
    urls = [arm() for _ in range(lifecycle.MAX_ARMED)]
    refused = phone.post(URL, {"duration_s": 3600}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_timers")
    phone.post(f"{urls[0]}complete/")
    arm()


def test_the_same_key_arms_once(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    twice = [phone.post(URL, {"duration_s": 3600}, format="json", headers={"Idempotency-Key": "arm"}) for _ in range(2)]
    assert [answer.status_code for answer in twice] == [201, 201]
    assert twice[0].json() == twice[1].json()
    assert ActivityTimer.objects.count() == 1


def test_extending_puts_the_end_off(phone: APIClient, arm: Arm) -> None:
    url = arm()
    before = ActivityTimer.objects.get()
    extended = phone.post(f"{url}extend/", {"duration_s": 600}, format="json")
    after = ActivityTimer.objects.get()
    assert (extended.status_code, extended.data["extensions"]) == (200, 1)
    assert after.ends_at == before.ends_at + timedelta(seconds=600)
    assert after.due_at - after.ends_at == before.due_at - before.ends_at
    assert after.nudge_at == after.ends_at - timedelta(minutes=5)


def test_in_the_grace_period_an_extension_counts_from_now(phone: APIClient, arm: Arm) -> None:
    url = arm(duration_s=3600, grace_s=600)
    pass_time(url, timedelta(seconds=3900))
    assert phone.post(f"{url}extend/", {"duration_s": 60}, format="json").status_code == 200
    assert ActivityTimer.objects.get().ends_at > clock.now() + timedelta(seconds=50)


def test_extensions_are_counted_until_a_check_in(phone: APIClient, arm: Arm) -> None:
    url = arm()
    for _ in range(lifecycle.MAX_EXTENSIONS):
        assert phone.post(f"{url}extend/", {"duration_s": 60}, format="json").status_code == 200
    refused = phone.post(f"{url}extend/", {"duration_s": 60}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_extensions")
    assert phone.post(f"{url}check-in/").data["extensions"] == 0
    assert phone.post(f"{url}extend/", {"duration_s": 60}, format="json").status_code == 200


@pytest.mark.parametrize("duration", [0, 59, 604_801, -3600, "x", None, 604_800])
def test_an_invalid_extension_is_refused(phone: APIClient, arm: Arm, duration: Any) -> None:
    url = arm()
    before = ActivityTimer.objects.get().ends_at
    assert phone.post(f"{url}extend/", {"duration_s": duration}, format="json").status_code == 400
    assert ActivityTimer.objects.get().ends_at == before


def test_the_same_key_extends_once(phone: APIClient, arm: Arm) -> None:
    url = arm()
    for _ in range(2):
        phone.post(f"{url}extend/", {"duration_s": 60}, format="json", headers={"Idempotency-Key": "once"})
    assert ActivityTimer.objects.get().extensions == 1


def test_a_check_in_starts_the_period_anew(phone: APIClient, arm: Arm) -> None:
    url = arm()
    pass_time(url, timedelta(minutes=59))
    now = clock.now()
    assert phone.post(f"{url}check-in/").status_code == 200
    timer = ActivityTimer.objects.get()
    assert timedelta(0) <= timer.ends_at - now - timedelta(hours=1) < timedelta(seconds=5)
    assert timer.due_at == timer.ends_at + timedelta(seconds=180)


def test_a_check_in_never_ends_a_timer_earlier(phone: APIClient, arm: Arm) -> None:
    url = arm()
    phone.post(f"{url}extend/", {"duration_s": 7200}, format="json")
    before = ActivityTimer.objects.get().ends_at
    phone.post(f"{url}check-in/")
    assert ActivityTimer.objects.get().ends_at == before


@pytest.mark.parametrize(("verb", "status"), [("complete", "completed"), ("cancel", "cancelled")])
def test_a_timer_ends_once_and_in_one_way(phone: APIClient, arm: Arm, verb: str, status: str) -> None:
    url = arm()
    first, again = phone.post(f"{url}{verb}/"), phone.post(f"{url}{verb}/")
    assert (first.status_code, first.data["status"]) == (200, status)
    assert first.json() == again.json()
    other = {"complete": "cancel", "cancel": "complete"}[verb]
    for move in (other, "extend", "check-in", "heartbeat"):
        refused = phone.post(f"{url}{move}/", {"duration_s": 60}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "timer_ended"), move
        assert refused.json()["timer_status"] == status


def test_the_etag_changes_with_the_timer(phone: APIClient, arm: Arm) -> None:
    url = arm()
    etag = phone.get(url)["ETag"]
    assert phone.get(url, headers={"If-None-Match": etag}).status_code == 304
    phone.post(f"{url}heartbeat/", {"battery": 7}, format="json")
    assert phone.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_another_persons_timer_is_not_found(arm: Arm, stranger: User) -> None:
    url = arm()
    theirs = app(stranger)
    assert theirs.get(url).status_code == 404
    assert theirs.get(URL).json()["results"] == []
    for verb in ("extend", "check-in", "complete", "cancel", "heartbeat"):
        assert theirs.post(f"{url}{verb}/", {"duration_s": 60}, format="json").status_code == 404
    assert ActivityTimer.objects.get().status == "armed"
