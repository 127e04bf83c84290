"""A contact's link opens one alert for one contact. Every other token opens nothing."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client, override_settings
from rest_framework.test import APIClient

from alerts.contacts import links
from alerts.models import ContactLink, SosAlert
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import Contacts
from tests.alerts.engine import messages, token_in
from tests.alerts.typed import DURESS_PIN, SAFE_PIN, set_pins

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(phone: APIClient, contacts: Contacts) -> str:
    contacts("Aida", "Bek")
    return str(phone.post(URL, {}, format="json").data["id"])


def test_each_contacts_link_opens_their_own(alert: str) -> None:
    tokens = [token_in(message) for message in messages(alert)]
    opened = [links.opened(token, now=clock.now()) for token in tokens]
    assert [link.contact_id for link in opened if link] == list(
        SosAlert.objects.get().notifications.order_by("message_id").values_list("contact_id", flat=True)
    )
    assert {link.alert_id for link in opened if link} == {UUID(alert)}


def test_no_table_holds_a_token(alert: str) -> None:
    token = token_in(messages(alert)[0])
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" AS r WHERE r::text LIKE %s', [f"%{token}%"])
            assert cursor.fetchone() == (0,), table


@pytest.mark.parametrize("token", ["", "x", "x" * 22, "é" * 22, "x" * 23, "\0" * 22, "A" * 5_000])
def test_a_guess_opens_nothing(alert: str, token: str) -> None:
    assert links.opened(token, now=clock.now()) is None


def test_a_changed_token_opens_nothing(alert: str) -> None:
    token = token_in(messages(alert)[0])
    assert links.opened(token[::-1], now=clock.now()) is None
    assert links.opened(token + "=", now=clock.now()) is None
    assert links.opened(token + "\n", now=clock.now()) is None


def test_a_link_lives_for_days_after_the_end(phone: APIClient, alert: str) -> None:
    token = token_in(messages(alert)[0])
    phone.post(f"{URL}{alert}/resolve/")
    ended_at = SosAlert.objects.get().ended_at
    assert ended_at is not None
    last = ended_at + links.KEPT_AFTER_END
    assert links.opened(token, now=last - timedelta(seconds=1)) is not None
    assert links.opened(token, now=last) is None


def test_after_the_end_a_link_is_closed_to_former_contacts(phone: APIClient, alert: str, ana: User) -> None:
    """During the alert former contacts may be on their way, and whoever removed them may be somebody who took the
    phone."""
    tokens = [token_in(message) for message in messages(alert)]
    aida, bek = ana.contacts.order_by("order")
    assert phone.delete(f"/api/v1/me/contacts/{aida.id}/").status_code == 204
    new_number = {"phone_number": "+996700999999"}
    assert phone.patch(f"/api/v1/me/contacts/{bek.id}/", new_number, format="json").status_code == 200
    assert [Client().get(f"/a/{token}").status_code for token in tokens] == [200, 200]
    phone.post(f"{URL}{alert}/resolve/")
    pages = [Client().get(f"/a/{token}") for token in (*tokens, "A" * 22)]
    assert [page.status_code for page in pages] == [404, 404, 404]
    assert len({page.content for page in pages}) == 1


def test_an_end_under_duress_closes_no_link(phone: APIClient, alert: str, ana: User) -> None:
    token = token_in(messages(alert)[0])
    set_pins(ana)
    assert phone.post(f"{URL}{alert}/cancel/", {"pin": DURESS_PIN}, format="json").status_code == 200
    for contact in ana.contacts.all():
        url = f"/api/v1/me/contacts/{contact.id}/"
        assert phone.delete(url, headers={"X-Pin": SAFE_PIN}).status_code == 204
    assert Client().get(f"/a/{token}").status_code == 200


def test_a_link_of_an_alert_without_end_expires_too(alert: str) -> None:
    token = token_in(messages(alert)[0])
    link = links.opened(token, now=clock.now())
    assert link is not None
    assert links.opened(token, now=link.expires_at) is None


def test_a_revoked_link_stays_closed_and_the_next_is_another(alert: str) -> None:
    first, second = (token_in(message) for message in messages(alert))
    link = links.opened(first, now=clock.now())
    assert link is not None
    assert links.revoke([link.id], now=clock.now()) == 1
    assert links.revoke([link.id], now=clock.now()) == 0
    assert links.opened(first, now=clock.now()) is None
    assert links.opened(second, now=clock.now()) is not None
    invited = (link.alert_id, link.contact_id)
    issued = links.issue([invited], now=clock.now(), generation=1)
    assert issued[invited] != first
    assert links.opened(issued[invited], now=clock.now()) is not None
    assert links.opened(first, now=clock.now()) is None


def test_issuing_again_gives_the_same_link(alert: str) -> None:
    token = token_in(messages(alert)[0])
    link = ContactLink.objects.order_by("id").first()
    assert link is not None
    assert links.issue([(link.alert_id, link.contact_id)], now=clock.now()) == {(link.alert_id, link.contact_id): token}
    assert ContactLink.objects.count() == 2


def test_a_link_opens_also_after_the_key_was_changed(alert: str) -> None:
    token = token_in(messages(alert)[0])
    with override_settings(SECRET_KEY="another key" * 5, SECRET_KEY_FALLBACKS=["old" * 20]):
        assert links.opened(token, now=clock.now()) is not None


def test_tokens_are_128_bits_each_of_its_own() -> None:
    alert_ids, contact_ids = [uuid4() for _ in range(30)], [uuid4() for _ in range(30)]
    tokens = {links._derive((a, c), g) for a in alert_ids for c in contact_ids for g in (0, 1)}
    assert len(tokens) == 1_800
    assert {len(token) for token in tokens} == {links.TOKEN_LENGTH}


def test_the_operator_revokes_a_link(alert: str) -> None:
    first, second = (token_in(message) for message in messages(alert))
    browser = Client()
    browser.force_login(User.objects.create_superuser("+996555000000", "a-long-password-1"))
    link = links.opened(first, now=clock.now())
    assert link is not None
    answer = browser.post("/admin/alerts/contactlink/", {"action": "revoke", "_selected_action": [link.id]})
    assert answer.status_code == 302
    assert links.opened(first, now=clock.now()) is None
    assert links.opened(second, now=clock.now()) is not None
