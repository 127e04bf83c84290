"""People with contacts, written straight into the tables: registering them is not measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import requests
from rest_framework_simplejwt.tokens import AccessToken
from uuid_utils.compat import uuid7

from tests.world.people import fresh_number

if TYPE_CHECKING:
    from tests.world.installation import World


@dataclass
class Presser:
    """One person's app, signed in."""

    world: World
    person: UUID
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def with_contacts(cls, world: World, contacts: list[list[str]]) -> list[Presser]:
        """Create one person for each list of numbers."""
        people = [uuid7() for _ in contacts]
        world.execute(
            "INSERT INTO identity_user (id, password, phone_number, first_name, last_name, language, is_active,"
            " is_staff, is_superuser, date_joined, updated_at)"
            " SELECT id, '', phone, 'Aida', 'Asanova', 'en', true, false, false, now(), now()"
            " FROM unnest(%s::uuid[], %s::text[]) AS p (id, phone)",
            people,
            [fresh_number() for _ in people],
        )
        rows = [(p, n, place) for p, ns in zip(people, contacts, strict=True) for place, n in enumerate(ns)]
        world.execute(
            'INSERT INTO identity_emergencycontact (id, user_id, name, phone_number, relation, language, "order",'
            " created_at, updated_at)"
            " SELECT gen_random_uuid(), owner, 'Contact', phone, '', 'en', place, now(), now()"
            " FROM unnest(%s::uuid[], %s::text[], %s::int[]) AS c (owner, phone, place)",
            *(list(column) for column in zip(*rows, strict=True)),
        )
        # Each person's session has the person's id.
        world.execute(
            "INSERT INTO identity_session (id, user_id, jti, previous_jti, rotated_at, expires_at)"
            " SELECT id, id, '', '', now(), now() + interval '1 day' FROM unnest(%s::uuid[]) AS p (id)",
            people,
        )
        return [cls(world, person) for person in people]

    def __post_init__(self) -> None:
        token = AccessToken()
        token["user_id"] = token["sid"] = str(self.person)
        self.session.headers["Authorization"] = f"Bearer {token}"

    def press(self) -> str:
        """Raise an alert; returns its id."""
        answer = self.post("sos-alerts/", {"latitude": 42.8746, "longitude": 74.5698})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.session.post(f"{self.world.url}/api/v1/{path}", json=body, timeout=30)

    def choose_waves(self, waves: list[dict[str, Any]]) -> None:
        """Choose an escalation policy of these waves."""
        body: Any = {"waves": waves, "give_up_after_s": 1800}
        answer = self.session.put(f"{self.world.url}/api/v1/me/escalation-policy/", json=body, timeout=30)
        assert answer.ok, answer.text
