"""The state of each contact in the person's words: in one alert, in lists and when polled."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.owner import reasons, truth
from identity.models import User
from messaging.models import Channel
from messaging.outbox.refusals import Refusal
from messaging.providers.registry import PROVIDERS
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import drive, messages, step

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(phone: APIClient, contacts: Contacts) -> str:
    contacts("Aida", "Bek", "Chyngyz")
    return str(phone.post(URL, {}, format="json").data["id"])


def detail(phone: APIClient, alert: str) -> Any:
    return phone.get(f"{URL}{alert}/").json()


def test_two_of_three_delivered(phone: APIClient, alert: str) -> None:
    aida, bek, chyngyz = messages(alert)
    drive(aida, State.FAILED, code="21610")
    drive(bek, State.DELIVERED)
    drive(chyngyz, State.DELIVERED)
    body = detail(phone, alert)
    assert body["reach"] == {
        "contacts": 3,
        "can_be_reached": 2,
        "delivered": 2,
        "failed": 1,
        "summary": "2 of 3 delivered; Aida's number refuses SMS",
    }
    assert [contact["status"] for contact in body["contacts"]] == ["failed", "delivered", "delivered"]
    assert body["contacts"][0]["delivered_at"] is None
    assert body["contacts"][1]["delivered_at"] == body["contacts"][1]["updated_at"]


@pytest.mark.parametrize(
    ("language", "summary"),
    [
        ("ru", "Доставлено: 1 из 3; в пути: 1; Bek: телефон выключен или вне зоны сети"),
        ("ky", "Жеткирилди: 1/3; жолдо: 1; Bek: телефон өчүк же байланыш аймагынан тышкары"),
    ],
)
def test_the_summary_speaks_the_persons_language(
    phone: APIClient, ana: User, alert: str, language: str, summary: str
) -> None:
    aida, bek, _ = messages(alert)
    drive(aida, State.DELIVERED)
    drive(bek, State.UNDELIVERED, code="30003")
    ana.language = language
    assert detail(phone, alert)["reach"]["summary"] == summary


@pytest.mark.parametrize(
    ("state", "code", "status", "reason"),
    [
        (State.DISPATCHED, "", "queued", None),
        (State.SENDING, "", "sending", None),
        (State.UNKNOWN, "timeout", "sending", None),
        (State.ACCEPTED, "", "sent", None),
        (State.SENT, "", "sent", None),
        (State.UNDELIVERED, "30003", "undelivered", "phone_unreachable"),
        (State.UNDELIVERED, "30005", "undelivered", "number_not_in_use"),
        (State.UNDELIVERED, "30006", "undelivered", "cannot_receive_sms"),
        (State.UNDELIVERED, "99999", "undelivered", "not_delivered"),
        (State.FAILED, "21211", "failed", "invalid_number"),
        (State.FAILED, "21614", "failed", "cannot_receive_sms"),
        (State.FAILED, "21408", "failed", "country_not_allowed"),
        (State.FAILED, "", "failed", "not_delivered"),
        (State.EXPIRED, "deadline_passed", "expired", "too_late"),
        (State.CANCELLED, "", "cancelled", "alert_ended"),
        (State.UNCONFIRMED, "no_evidence", "unconfirmed", "unconfirmed"),
    ],
)
def test_states_and_codes_in_words(
    phone: APIClient, alert: str, state: State, code: str, status: str, reason: str | None
) -> None:
    drive(messages(alert)[0], state, code=code)
    told = detail(phone, alert)["contacts"][0]
    assert (told["status"], told["reason"]) == (status, reason)
    assert (told["detail"] is None) == (reason is None)
    assert reason is None or "Aida" in told["detail"]


def test_a_message_that_is_tried_again_says_why(phone: APIClient, alert: str) -> None:
    (aida, *_) = messages(alert)
    drive(aida, State.SENT)
    assert step(aida, State.QUEUED, code="30003")
    body = detail(phone, alert)
    assert (body["contacts"][0]["status"], body["contacts"][0]["reason"]) == ("queued", "phone_unreachable")
    assert body["reach"]["summary"] == "0 of 3 delivered; 3 on their way"


def test_many_troubles_are_summed_up(phone: APIClient, contacts: Contacts) -> None:
    contacts(*(f"C{n}" for n in range(5)))
    alert = str(phone.post(URL, {}, format="json").data["id"])
    for message in messages(alert):
        drive(message, State.FAILED, code="21610")
    refuse = "; ".join(f"C{n}'s number refuses SMS" for n in range(3))
    assert detail(phone, alert)["reach"]["summary"] == f"0 of 5 delivered; {refuse}; and 2 more contacts not reached"


_NEVER_REFUSED_WITH = {
    Channel.SMS: {Refusal.ADDRESS_NOT_VALID, Refusal.CANNOT_BE_SAID},
    # Every call is an emergency, which no opt-out stops. A contact whose SMS is withheld has no step of a call.
    Channel.VOICE: {Refusal.ADDRESS_NOT_VALID, Refusal.OPTED_OUT, Refusal.NOT_CONFIRMED},
}


def test_every_state_has_a_status_and_every_known_code_a_reason() -> None:
    assert set(truth.STATUS_OF) == set(State)
    assert set(reasons.SENTENCES) == set(reasons.Reason)
    for channel in (Channel.SMS, Channel.VOICE):
        known = {*PROVIDERS[channel].codes, *Refusal} - _NEVER_REFUSED_WITH[channel]
        assert [code for code in known if reasons.reason_of_code(channel, code) is None] == []


def test_polling_costs_nothing_while_nothing_changes(phone: APIClient, alert: str) -> None:
    first = phone.get(f"{URL}{alert}/")
    same = phone.get(f"{URL}{alert}/", headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same["ETag"] == first["ETag"]
    drive(messages(alert)[0], State.DELIVERED)
    changed = phone.get(f"{URL}{alert}/", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]
    assert "private" in changed["Cache-Control"]


def _ended_alerts(phone: APIClient, count: int) -> list[str]:
    ids = []
    for _ in range(count):
        ids.append(str(phone.post(URL, {}, format="json").data["id"]))
        phone.post(f"{URL}{ids[-1]}/resolve/")
    return ids


def test_a_list_costs_the_same_however_long(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    _ended_alerts(phone, 1)
    with CaptureQueriesContext(connection) as short:
        phone.get(URL)
    _ended_alerts(phone, 4)
    with CaptureQueriesContext(connection) as long:
        body = phone.get(URL).json()
    assert len(body["results"]) == 5
    assert len(short) == len(long) == 2
    assert body["results"][0]["reach"]["summary"] == "0 of 2 delivered; 2 contacts were not told: the alert ended first"


def test_lists_are_paged_newest_first_and_filtered(phone: APIClient) -> None:
    ids = _ended_alerts(phone, 3)
    ids.append(str(phone.post(URL, {}, format="json").data["id"]))
    page = phone.get(f"{URL}?page_size=3").json()
    rest = phone.get(page["next"]).json()
    assert [alert["id"] for alert in page["results"] + rest["results"]] == ids[::-1]
    assert [alert["id"] for alert in phone.get(f"{URL}?status=active").json()["results"]] == ids[3:]
    assert phone.get(f"{URL}?status=lost").status_code == 400
