"""The list of sessions, fresh authentication and the absolute age of a session."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db.models import F

from identity.models import RateCount, Session, User
from identity.sessions import origins, tokens
from messaging.database import clock
from tests.identity.phones import ANA, PASSWORD, App

URL = "/api/v1/me/sessions/"
HASH = make_password(PASSWORD)
IPHONE = "AlertMe/3.1 CFNetwork/1410 Darwin/22.6.0"


@pytest.fixture(autouse=True)
def _anas_password(ana: User) -> None:
    User.objects.filter(id=ana.id).update(password=HASH)


def sign_in(*, agent: str = "", address: str = "203.0.113.9", **fields: Any) -> App:
    app = App(REMOTE_ADDR=address, HTTP_USER_AGENT=agent)
    answer = app.post("/api/v1/auth/login/", {"phone_number": ANA, "password": PASSWORD} | fields)
    app.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['tokens']['access']}")
    return app


def pass_time(**by: float) -> None:
    Session.objects.update(authenticated_at=F("authenticated_at") - timedelta(**by))


def test_each_device_is_named_with_its_first_and_last_use_and_network() -> None:
    sign_in(device_name="Ana's old phone", platform="android")
    app = sign_in(agent=IPHONE, address="2001:db8:1:2::1", device_name=None, platform=None)
    newest, oldest = app.get(URL).json()["results"]
    fields = {"id", "name", "platform", "network", "created_at", "last_used_at", "expires_at", "is_this"}
    assert newest.keys() == fields
    assert [newest[name] for name in ("name", "platform", "network", "is_this")] == [
        *("AlertMe", "ios", "2001:db8:1::/48", True)
    ]
    assert [oldest[name] for name in ("name", "platform", "network", "is_this")] == [
        *("Ana's old phone", "android", "203.0.113.0/24", False)
    ]
    assert newest["created_at"] == newest["last_used_at"]


def test_the_network_is_that_of_the_last_use() -> None:
    app = sign_in()
    Session.objects.update(last_used_at=clock.now() - timedelta(minutes=2))
    app.get(URL, REMOTE_ADDR="198.51.100.7")
    assert Session.objects.get().network == "198.51.100.0/24"


def test_a_refresh_is_a_use(ana: User) -> None:
    token = tokens.open_session(ana, now=clock.now() - timedelta(hours=1)).refresh
    App(REMOTE_ADDR="198.51.100.7").post("/api/v1/auth/token/refresh/", {"refresh": token})
    session = Session.objects.get()
    assert (session.network, session.last_used_at) == ("198.51.100.0/24", session.rotated_at)


@pytest.mark.parametrize("agent", ["", "\xff", "\u202eevil", "<script>", "x" * 10_000, "12345", "okhttp/4.12"])
def test_no_user_agent_breaks_the_list(agent: str) -> None:
    app = sign_in(agent=agent)
    [shown] = app.get(URL).json()["results"]
    assert len(shown["name"]) <= 40
    assert shown["name"] in ("", "okhttp") or set(shown["name"]) == {"x"}


def test_others_sessions_are_neither_shown_nor_ended(ana: User, stranger: User) -> None:
    app = sign_in()
    tokens.open_session(stranger, now=clock.now())
    theirs = Session.objects.get(user=stranger)
    assert len(app.get(URL).json()["results"]) == 1
    assert app.delete(f"{URL}{theirs.id}/").status_code == 404
    assert app.delete(URL).status_code == 204
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_one_may_end_ones_own_session_at_any_time() -> None:
    app = sign_in()
    pass_time(hours=1)
    assert app.delete(f"{URL}{Session.objects.get().id}/").status_code == 204
    assert app.get(URL).status_code == 401


def changes_of_security(app: App, other: Session) -> list[Any]:
    return [
        app.delete(f"{URL}{other.id}/"),
        app.delete(URL),
        app.patch("/api/v1/me/", {"email": "thief@example.org"}),
    ]


def test_changes_of_security_need_a_fresh_proof(ana: User) -> None:
    """Found: an unlocked phone changed the e-mail address and, with a stolen token, everything else. Now: 403."""
    sign_in()
    other, app = Session.objects.get(), sign_in()
    pass_time(minutes=10)
    for answer in changes_of_security(app, other):
        assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")
    ana.refresh_from_db()
    assert (ana.email, Session.objects.filter(revoked_at=None).count()) == (None, 2)
    assert app.patch("/api/v1/me/", {"email": None, "first_name": "Ana"}).status_code == 200

    proved = app.post("/api/v1/me/reauthenticate/", {"password": PASSWORD})
    assert (proved.status_code, list(proved.json())) == (200, ["fresh_until"])
    assert [answer.status_code for answer in changes_of_security(app, other)] == [204, 204, 200]


def test_the_proof_of_one_session_is_none_of_another() -> None:
    thief, app = sign_in(), sign_in()
    pass_time(minutes=10)
    app.post("/api/v1/me/reauthenticate/", {"password": PASSWORD})
    assert thief.delete(URL).status_code == 403


def test_a_refresh_proves_nobody(ana: User) -> None:
    opened = tokens.open_session(ana, now=clock.now())
    pass_time(minutes=10)
    renewed = tokens.refresh(opened.refresh, now=clock.now())
    app = App(HTTP_AUTHORIZATION=f"Bearer {renewed.access}")
    assert app.delete(URL).status_code == 403


def test_wrong_passwords_prove_nothing_and_are_limited() -> None:
    app = sign_in()
    pass_time(minutes=10)
    refused = app.post("/api/v1/me/reauthenticate/", {"password": "wrong"})
    assert (refused.status_code, refused.json()["code"]) == (403, "password_wrong")
    RateCount.objects.update(count=10)
    assert app.post("/api/v1/me/reauthenticate/", {"password": PASSWORD}).status_code == 429
    assert app.delete(URL).status_code == 403


def test_a_session_of_the_earlier_release_is_not_fresh() -> None:
    app = sign_in()
    Session.objects.update(authenticated_at=None, last_used_at=None)
    assert app.delete(URL).status_code == 403
    assert app.get(URL).status_code == 200


def test_a_session_ends_at_its_absolute_age_however_much_it_is_used(ana: User, settings: Any) -> None:
    """Found: 90 days from each use, without an end. Now: at most SIGNED_IN_DAYS from its beginning."""
    began = clock.now()
    token = tokens.open_session(ana, now=began).refresh
    for days in (80, 160, 179):
        token = tokens.refresh(token, now=began + timedelta(days=days)).refresh
    assert Session.objects.get().expires_at == began + timedelta(days=180)
    with pytest.raises(tokens.TokenInvalid):
        tokens.refresh(token, now=began + timedelta(days=180))


def test_origins_are_nowhere_unless_told() -> None:
    assert origins.Origin(name="", platform="", network="") == origins.NOWHERE
