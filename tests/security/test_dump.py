"""A thief reads a dump of the database: no number, name, note or address of a played story is in it."""

import os
from typing import Any

import psycopg
import requests
from psycopg import sql
from twilio.request_validator import RequestValidator

from deploy.local.processes import wait_until
from tests.scenarios import geozones
from tests.scenarios.story import Story
from tests.world import Person, World

STOP = "/api/v1/webhooks/twilio/inbound/"
PLACE = {"latitude": 42.8746, "longitude": 74.5698}


def test_a_dump_holds_nothing_of_the_people_of_a_story(world: World) -> None:
    story = Story(world)
    person = story.person("Zhyldyzkan", "Bektemir", "Cholponai", invited=True)
    bek, cholpon = person.contacts
    assert "You have accepted." in story.invitation(bek).choose("accept")
    words = [*_live(person), "Zhyldyzkan", "Bektemir", "Cholponai", "friend", "127.0.0"]
    _says_stop(world, cholpon.phone)
    alert = person.press_sos(address="Chüy Avenue 265").json()["id"]
    phones = [person.phone, bek.phone, cholpon.phone]
    words += ["Chüy Avenue 265", *phones, *(phone[1:] for phone in phones)]
    assert _found_in_dump(world, words) == []  # While the messages wait.

    world.wait_for_arrivals([bek.phone, cholpon.phone], timeout_s=20)
    assert "You said: I am on my way" in story.page(bek).press("acknowledged")
    assert person.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    assert wait_until(lambda: world.is_at_rest(phones), timeout_s=20), world.logs()
    assert _found_in_dump(world, words) == []
    # The search finds what a dump does hold.
    assert _found_in_dump(world, [alert, "~n", "74.5698"]) == [alert, "~n", "74.5698"]
    # And all of it is there for its owner.
    shown = person.get("me/").text + person.get("me/contacts/").text + person.get(f"sos-alerts/{alert}/").text
    assert [word for word in ("Zhyldyzkan", "zhyldyz@example.kg", *phones, "Bektemir") if word not in shown] == []


def _live(person: Person) -> list[str]:
    """The person uses every part of the app that takes words. Returns the words."""
    url = person.world.url
    profile = {"last_name": "Toktogulova"}
    assert person.session.patch(f"{url}/api/v1/me/", json=profile, timeout=20).ok
    mail = {"email": "zhyldyz@example.kg"}
    assert person.session.patch(f"{url}/api/v1/me/", json=mail, timeout=20).ok
    _created(person, "me/devices/", {"name": "Kyzyl telefon", "platform": "ios"})
    timer = {"duration_s": 1200, "grace_s": 60, "note": "Hike to Kol-Tor", "place": "Kegeti gorge"}
    timer_id = _created(person, "timers/", timer)["id"]
    assert person.post(f"timers/{timer_id}/heartbeat/", {"battery": 50}).status_code < 300
    zone_id = _created(person, "geozones/", PLACE | {"name": "Grandmother Umai", "radius": 100})["id"]
    _created(person, "blueprints/create-from-current/", {"name": "Summer in Naryn"})
    _leave(person, zone_id)
    names = ["Toktogulova", "zhyldyz@example.kg", "Kyzyl telefon", "Hike to Kol-Tor", "Kegeti gorge"]
    return [*names, "Grandmother Umai", "Summer in Naryn"]


def _leave(person: Person, zone_id: str) -> None:
    """Be in the zone and leave it, so that the event of the zone is stored."""
    person.world.make_zone_older(zone_id, hours=2)
    geozones.be_there(person)
    geozones.leave(person)
    assert wait_until(lambda: bool(geozones.events(person, zone_id)), timeout_s=20), person.world.logs()


def _created(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = person.post(path, body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return dict(created.get("device", created))


def _says_stop(world: World, phone: str) -> None:
    """The reader of this number texts STOP."""
    form = {"AccountSid": os.environ["TWILIO_ACCOUNT_SID"], "From": phone, "Body": "STOP"}
    signature = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"]).compute_signature(world.url + STOP, form)
    answer = requests.post(world.url + STOP, data=form, headers={"X-Twilio-Signature": signature}, timeout=20)
    assert answer.status_code == 200, answer.text


def _found_in_dump(world: World, words: list[str]) -> list[str]:
    """The words that are in a dump of every table, as text or within binary columns."""
    dump = b""
    with psycopg.connect(world.database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            copy = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(table))
            with connection.cursor().copy(copy) as rows:
                dump += b"".join(bytes(row) for row in rows)
    text = dump.decode().lower()
    return [word for word in words if word.lower() in text or word.encode().hex() in text]
