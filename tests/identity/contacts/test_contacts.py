from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from identity.contacts import contacts
from identity.errors import InvalidField
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.outbox import optouts
from tests.identity.conftest import AddContacts, signed_in
from tests.identity.phones import ANA, BEN, App
from tests.race import at_once

CONTACTS = "/api/v1/me/contacts/"


def _one(contact: EmergencyContact | str) -> str:
    return f"{CONTACTS}{getattr(contact, 'id', contact)}/"


def _names(app: App) -> list[str]:
    results = app.get(CONTACTS).json()["results"]
    assert [contact["order"] for contact in results] == list(range(len(results)))
    return [contact["name"] for contact in results]


def test_adding(anas_app: App, ana: User) -> None:
    body = {"name": "Ben", "phone_number": "+996 700 654 321", "relation": "brother", "language": "ky"}
    answer = anas_app.post(CONTACTS, body)
    assert answer.status_code == 201
    contact = EmergencyContact.objects.get()
    assert answer.json() == {
        "id": str(contact.id),
        "name": "Ben",
        "phone_number": BEN,
        "relation": "brother",
        "language": "ky",
        "order": 0,
        "refuses_sms": False,
        "declined_at": None,
        "consent": {"state": "invited", "since": answer.json()["consent"]["since"], "reminders_left": 2},
    }
    assert anas_app.get(CONTACTS).json() == {"results": [answer.json()]}
    assert anas_app.get(_one(contact)).json() == answer.json()


def test_a_new_contact_goes_to_the_end_and_speaks_the_persons_language(
    anas_app: App, add_contacts: AddContacts
) -> None:
    add_contacts("Aida", "Bakyt")
    answer = anas_app.post(CONTACTS, {"name": "Ben", "phone_number": BEN}).json()
    assert (answer["order"], answer["language"], answer["relation"]) == (2, "en", "")
    assert _names(anas_app) == ["Aida", "Bakyt", "Ben"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_number", "+996700100000"),
        ("phone_number", ANA),
        ("phone_number", "+447911123456"),
        ("phone_number", "112"),
        ("name", ""),
        ("name", "x" * 101),
        ("relation", "a\x00b"),
        ("language", None),
    ],
)
def test_wrong_fields_are_named(anas_app: App, add_contacts: AddContacts, field: str, value: Any) -> None:
    _, bakyt = add_contacts("Aida", "Bakyt")
    new = anas_app.post(CONTACTS, {"name": "Ben", "phone_number": BEN} | {field: value})
    assert (new.status_code, list(new.json()["errors"])) == (400, [field])
    changed = anas_app.patch(_one(bakyt), {field: value})
    assert (changed.status_code, list(changed.json()["errors"])) == (400, [field])
    assert EmergencyContact.objects.count() == 2


@pytest.mark.parametrize(("phone_number", "code"), [("+996700100000", "duplicate"), (ANA, "own_number")])
def test_refusals_have_codes(ana: User, add_contacts: AddContacts, phone_number: str, code: str) -> None:
    add_contacts("Aida")
    with pytest.raises(InvalidField) as refused:
        contacts.add(person_id=ana.id, name="X", phone_number=phone_number, now=clock.now())
    assert [error["code"] for error in refused.value.errors["phone_number"]] == [code]


def test_two_people_may_trust_the_same_one(anas_app: App, stranger: User) -> None:
    for app in (anas_app, signed_in(stranger)):
        assert app.post(CONTACTS, {"name": "Ben", "phone_number": BEN}).status_code == 201


def test_changing(anas_app: App, add_contacts: AddContacts) -> None:
    (aida,) = add_contacts("Aida")
    same_number = {"name": "Aida B.", "phone_number": "+996700100000"}
    assert anas_app.patch(_one(aida), same_number).json()["name"] == "Aida B."
    answer = anas_app.patch(_one(aida), {"phone_number": BEN, "relation": "sister", "order": 7})
    assert answer.json()["phone_number"] == BEN
    assert answer.json() == anas_app.get(_one(aida)).json()
    assert answer.json()["order"] == 0


def test_removing_closes_the_gap(anas_app: App, add_contacts: AddContacts) -> None:
    _, bakyt, _ = add_contacts("Aida", "Bakyt", "Chyngyz")
    assert anas_app.delete(_one(bakyt)).status_code == 204
    assert _names(anas_app) == ["Aida", "Chyngyz"]
    assert anas_app.delete(_one(bakyt)).status_code == 404
    anas_app.post(CONTACTS, {"name": "Ben", "phone_number": BEN})
    assert _names(anas_app) == ["Aida", "Chyngyz", "Ben"]


def test_reordering(anas_app: App, add_contacts: AddContacts) -> None:
    aida, bakyt, chyngyz = add_contacts("Aida", "Bakyt", "Chyngyz")
    etag = anas_app.get(_one(aida))["ETag"]
    order = [str(contact.id) for contact in (chyngyz, aida, bakyt)]
    answer = anas_app.put(f"{CONTACTS}order/", {"ids": order})
    assert [contact["id"] for contact in answer.json()["results"]] == order
    assert answer.json() == anas_app.get(CONTACTS).json()
    assert _names(anas_app) == ["Chyngyz", "Aida", "Bakyt"]
    assert anas_app.get(_one(aida))["ETag"] != etag


def test_an_order_names_exactly_all(anas_app: App, add_contacts: AddContacts, stranger: User) -> None:
    ids = [str(contact.id) for contact in add_contacts("Aida", "Bakyt")]
    other = contacts.add(person_id=stranger.id, name="X", phone_number=BEN, now=clock.now())
    for wrong in ([], ids[:1], [*ids, ids[0]], [ids[0], ids[0]], [ids[0], str(other.id)], [*ids, str(uuid4())]):
        answer = anas_app.put(f"{CONTACTS}order/", {"ids": wrong})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["ids"])
    assert _names(anas_app) == ["Aida", "Bakyt"]


def test_etags(anas_app: App, add_contacts: AddContacts) -> None:
    (aida,) = add_contacts("Aida")
    etag = anas_app.get(_one(aida))["ETag"]
    changed = anas_app.patch(_one(aida), {"name": "A"}, headers={"If-Match": etag})
    assert changed["ETag"] == anas_app.get(_one(aida))["ETag"] != etag
    stale = {"If-Match": etag}
    assert anas_app.patch(_one(aida), {"name": "B"}, headers=stale).json()["code"] == "precondition_failed"
    assert anas_app.delete(_one(aida), headers=stale).status_code == 412
    assert _names(anas_app) == ["A"]
    assert anas_app.delete(_one(aida), headers={"If-Match": changed["ETag"]}).status_code == 204


def test_a_stranger_finds_nothing(anas_app: App, add_contacts: AddContacts, stranger: User) -> None:
    (aida,) = add_contacts("Aida")
    app = signed_in(stranger)
    missing = app.get(_one(str(uuid4())))
    answers = [app.get(_one(aida)), app.patch(_one(aida), {"name": "X"}), app.delete(_one(aida))]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, missing.content)}
    assert app.get(CONTACTS).json() == {"results": []}
    assert _names(anas_app) == ["Aida"]


@pytest.mark.parametrize("path", ["/api/v1/me/", CONTACTS, f"{CONTACTS}order/", _one(str(UUID(int=7)))])
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_nobody_gets_in_unsigned(app: App, path: str, method: str) -> None:
    answer = app.generic(method.upper(), path)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_fifty(ana: User, anas_app: App, add_contacts: AddContacts) -> None:
    add_contacts(*["x"] * contacts.MAX_CONTACTS)
    answer = anas_app.post(CONTACTS, {"name": "Ben", "phone_number": BEN})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_contacts")
    assert len(_names(anas_app)) == 50


@pytest.mark.django_db(transaction=True)
def test_adds_at_once_respect_the_limit_and_the_order(ana: User, anas_app: App, add_contacts: AddContacts) -> None:
    add_contacts(*["x"] * (contacts.MAX_CONTACTS - 3))
    adds = [
        partial(signed_in(ana).post, CONTACTS, {"name": "Ben", "phone_number": f"+9967002000{n:02}"}) for n in range(8)
    ]
    assert sorted(answer.status_code for answer in at_once(*adds)) == [201] * 3 + [409] * 5
    assert len(_names(anas_app)) == contacts.MAX_CONTACTS


@pytest.mark.django_db(transaction=True)
def test_the_same_number_at_once_is_added_once(ana: User) -> None:
    adds = [partial(signed_in(ana).post, CONTACTS, {"name": "Ben", "phone_number": BEN}) for _ in range(4)]
    assert sorted(answer.status_code for answer in at_once(*adds)) == [201, 400, 400, 400]


@pytest.mark.django_db(transaction=True)
def test_edits_at_once_leave_a_whole_order(ana: User, anas_app: App, add_contacts: AddContacts) -> None:
    made = add_contacts("Aida", "Bakyt", "Chyngyz", "Daniyar")
    backwards = [str(contact.id) for contact in reversed(made)]
    answers = at_once(
        partial(signed_in(ana).delete, _one(made[0])),
        partial(signed_in(ana).put, f"{CONTACTS}order/", {"ids": backwards}),
        partial(signed_in(ana).post, CONTACTS, {"name": "Ben", "phone_number": BEN}),
        partial(signed_in(ana).delete, _one(made[2])),
    )
    assert [answers[0].status_code, answers[2].status_code, answers[3].status_code] == [204, 201, 204]
    assert answers[1].status_code in {200, 400}
    assert sorted(_names(anas_app)) == ["Bakyt", "Ben", "Daniyar"]


def test_a_contact_who_refuses_sms_is_shown_so(anas_app: App, ana: User) -> None:
    anas_app.post(CONTACTS, {"name": "Ben", "phone_number": BEN})
    [contact] = anas_app.get(CONTACTS).json()["results"]
    assert contact["refuses_sms"] is False
    optouts.ask(BEN, reason="STOP", now=clock.now())
    assert anas_app.get(CONTACTS).json() == {"results": [contact | {"refuses_sms": True}]}
    assert anas_app.get(f"{CONTACTS}{contact['id']}/").json()["refuses_sms"] is True
