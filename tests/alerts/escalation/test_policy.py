"""A person's own policy for an alert that nobody answers."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from alerts.escalation import personal, policy, steps
from alerts.models import AlertStatus, EscalationPolicy, EscalationStep, NotificationKind, SosAlert, StepKind
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import drive, messages

URL = "/api/v1/me/escalation-policy/"

pytestmark = pytest.mark.django_db


def wave(channel: str, wait_s: int, *contacts: EmergencyContact) -> dict[str, Any]:
    return {"channel": channel, "wait_s": wait_s, "contacts": [str(contact.id) for contact in contacts]}


def put(phone: APIClient, *waves: dict[str, Any], give_up_after_s: Any = 60, **headers: str) -> Any:
    body = {"waves": waves, "give_up_after_s": give_up_after_s}
    return phone.put(URL, body, format="json", headers=headers)


def planned(phone: APIClient) -> list[tuple[str, str, int, int]]:
    """Press SOS; returns kind, name, round and seconds after the press of every planned step."""
    alert = phone.post("/api/v1/sos-alerts/", {}, format="json").data
    steps_of_alert = EscalationStep.objects.filter(alert=UUID(alert["id"])).select_related("alert").order_by("place")
    return [(s.kind, s.name, s.round, round((s.due_at - s.alert.created_at).total_seconds())) for s in steps_of_alert]


def test_by_default_everyone_is_called_twice(phone: APIClient, contacts: Contacts) -> None:
    four = contacts("Aida", "Bek", "Cholpon", "Daniyar")
    body = phone.get(URL).json()
    assert body == {
        "is_default": True,
        "give_up_after_s": 165,
        "waves": [
            wave("voice", 60, *four[:3]),
            wave("voice", 45, four[3]),
            wave("sms", 165),
            wave("voice", 0, *four[:3]),
            wave("voice", 45, four[3]),
        ],
    }
    assert planned(phone) == [
        *(("call", name, 0, 60) for name in ("Aida", "Bek", "Cholpon")),
        ("call", "Daniyar", 0, 105),
        *(("sms", name, 1, 270) for name in ("Aida", "Bek", "Cholpon", "Daniyar")),
        *(("call", name, 1, 270) for name in ("Aida", "Bek", "Cholpon")),
        ("call", "Daniyar", 1, 315),
        ("give_up", "", 0, 480),
    ]


def test_own_waves_are_planned(phone: APIClient, contacts: Contacts) -> None:
    aida, bek, _ = contacts("Aida", "Bek", "Cholpon")
    answer = put(phone, wave("voice", 20, bek), wave("sms", 30), wave("voice", 10, bek, aida), give_up_after_s=90)
    assert answer.status_code == 200
    assert answer.json() == phone.get(URL).json()
    assert (answer.json()["is_default"], answer.json()["waves"][0]) == (False, wave("voice", 20, bek))
    assert planned(phone) == [
        ("call", "Bek", 0, 20),
        ("sms", "Aida", 1, 50),
        ("sms", "Bek", 1, 50),
        ("sms", "Cholpon", 1, 50),
        ("call", "Aida", 0, 60),
        ("call", "Bek", 1, 60),
        # Due only if the SMS to Cholpon is refused.
        ("call", "Cholpon", 0, 36_500 * 86_400),
        ("give_up", "", 0, 150),
    ]


def test_a_contact_in_no_wave_is_called_with_the_last_wave(phone: APIClient, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    put(phone, wave("voice", 20, aida), wave("voice", 40, bek))
    contacts("Cholpon")
    bek.delete()
    assert planned(phone) == [("call", "Aida", 0, 20), ("call", "Cholpon", 0, 60), ("give_up", "", 0, 120)]


def test_without_contacts_a_personal_policy_alarms_the_operator_as_soon(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    put(phone, wave("voice", 600, aida), give_up_after_s=1800)
    aida.delete()
    assert planned(phone) == [("give_up", "", 0, 60)]


def test_a_refused_sms_brings_an_own_call_forward(phone: APIClient, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    put(phone, wave("voice", 300, aida), wave("voice", 300, bek))
    alert = phone.post("/api/v1/sos-alerts/", {}, format="json").data["id"]
    drive(messages(alert)[1], State.FAILED, code="21610")
    due = EscalationStep.objects.filter(due_at__lte=clock.now()).values_list("kind", "name")
    assert list(due) == [(StepKind.CALL, "Bek")]


def test_a_contact_whom_no_wave_calls_is_called_when_their_sms_is_refused(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    put(phone, wave("sms", 60))
    alert = phone.post("/api/v1/sos-alerts/", {}, format="json").data["id"]
    drive(messages(alert)[1], State.FAILED, code="21610")
    steps.take_steps(now=clock.now())
    assert [call.address for call in messages(alert, NotificationKind.CALL)] == ["+996700100001"]
    EscalationStep.objects.exclude(due_at__gt=clock.now() + timedelta(days=1)).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
    # The alert is exhausted and Aida was not called: the policy sends SMS only.
    assert SosAlert.objects.get().status == AlertStatus.EXHAUSTED
    assert len(messages(alert, NotificationKind.CALL)) == 1


def test_deleting_brings_the_default_back(phone: APIClient, contacts: Contacts) -> None:
    (aida,) = contacts("Aida")
    default = phone.get(URL).json()
    put(phone, wave("voice", 20, aida))
    assert phone.delete(URL).status_code == 204
    assert phone.delete(URL).status_code == 204
    assert phone.get(URL).json() == default


class TestTwoDevices:
    def test_an_edit_of_an_old_version_is_refused(self, phone: APIClient, contacts: Contacts) -> None:
        (aida,) = contacts("Aida")
        old = phone.get(URL)["ETag"]
        new = put(phone, wave("voice", 20, aida), **{"If-Match": old})["ETag"]
        assert new == phone.get(URL)["ETag"] != old
        stale = put(phone, wave("voice", 99, aida), **{"If-Match": old})
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
        assert phone.delete(URL, headers={"If-Match": old}).status_code == 412
        assert phone.get(URL).json()["waves"] == [wave("voice", 20, aida)]
        assert phone.delete(URL, headers={"If-Match": new}).status_code == 204


@pytest.mark.parametrize(
    "waves",
    [
        [],
        None,
        "all",
        [[]],
        [{}],
        [{"channel": "email", "wait_s": 1}],
        [{"channel": "voice", "wait_s": -1}],
        [{"channel": "voice", "wait_s": 601}],
        [{"channel": "voice", "wait_s": "1e3"}],
        [{"channel": "voice", "wait_s": 10**30}],
        [{"channel": "voice", "wait_s": 1, "contacts": "all"}],
        [{"channel": "voice", "wait_s": 1, "contacts": ["no id"]}],
        [{"channel": "voice", "wait_s": 1, "contacts": [str(uuid4())]}],
        [{"channel": "voice", "wait_s": 1, "contacts": [str(uuid4())] * 51}],
        [{"channel": "sms", "wait_s": 1}] * 31,
        [{"channel": "voice", "wait_s": 1}] * (personal.MAX_TIMES_PER_CONTACT + 1),
    ],
)
def test_an_invalid_policy_is_refused(phone: APIClient, contacts: Contacts, waves: Any) -> None:
    contacts("Aida")
    answer = phone.put(URL, {"waves": waves, "give_up_after_s": 60}, format="json")
    assert answer.status_code == 400
    assert not EscalationPolicy.objects.exists()


@pytest.mark.parametrize("give_up_after_s", [0, 29, 1801, None, "soon", []])
def test_giving_up_has_bounds(phone: APIClient, contacts: Contacts, give_up_after_s: Any) -> None:
    (aida,) = contacts("Aida")
    assert put(phone, wave("voice", 20, aida), give_up_after_s=give_up_after_s).status_code == 400


@pytest.mark.parametrize("body", [[], "x", 7, None, {}])
def test_garbage_is_refused(phone: APIClient, body: Any) -> None:
    assert phone.put(URL, body, format="json").status_code == 400


def test_nobody_is_called_too_often_or_twice_at_once(phone: APIClient, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    most = personal.MAX_TIMES_PER_CONTACT
    everyone, of_aida = wave("voice", 60), wave("voice", 60, aida)
    assert put(phone, *[everyone] * (most - 1), of_aida).status_code == 200
    too_often = put(phone, *[everyone] * most, of_aida).json()
    assert [error["code"] for error in too_often["errors"]["waves"]] == ["too_often"]
    assert put(phone, *[everyone] * most, wave("sms", 9, aida), wave("voice", 9, bek)).status_code == 400
    assert put(phone, wave("voice", 60, aida, aida)).status_code == 400


def test_another_persons_contacts_are_unknown(phone: APIClient, contacts: Contacts, stranger: User) -> None:
    (aida,) = contacts("Aida")
    answer = put(app(stranger), wave("voice", 20, aida))
    assert answer.status_code == 400
    assert answer.json()["errors"]["waves"][0]["code"] == "not_your_contact"


def test_the_default_gives_each_contact_at_most_what_a_person_may_choose(db: None) -> None:
    contact_ids = [uuid4() for _ in range(50)]
    planned, _ = policy.planned(policy.default(contact_ids), contact_ids)
    calls = [step.contact for step in planned if step.kind == StepKind.CALL]
    assert {calls.count(place) for place in range(50)} == {policy.ROUNDS}
    assert policy.ROUNDS <= personal.MAX_TIMES_PER_CONTACT
