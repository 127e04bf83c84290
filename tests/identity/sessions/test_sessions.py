from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.db.models import F

from identity.models import Session, User
from identity.sessions import tokens
from messaging.database import clock
from tests.identity.phones import App
from tests.race import at_once


def _tokens(user: User) -> dict[str, str]:
    opened = tokens.open_session(user, now=clock.now())
    return {"access": opened.access, "refresh": opened.refresh}


def _refresh(token: Any) -> Any:
    return App().post("/api/v1/auth/token/refresh/", {"refresh": token})


def _me(access: str) -> Any:
    return App(HTTP_AUTHORIZATION=f"Bearer {access}").get("/api/v1/me/")


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _later(by: timedelta) -> None:
    Session.objects.update(rotated_at=F("rotated_at") - by)


def _is_refused(answer: Any) -> bool:
    return bool(answer.status_code == 401 and answer.json()["code"] == "token_invalid")


def test_tokens_name_the_session_and_nothing_personal(ana: User) -> None:
    pair = _tokens(ana)
    access, refresh = _claims(pair["access"]), _claims(pair["refresh"])
    session = Session.objects.get()
    assert access.keys() == refresh.keys() == {"token_type", "exp", "jti", "user_id", "sid"}
    assert (refresh["sid"], refresh["jti"]) == (str(session.id), session.jti)
    assert (access["sid"], access["user_id"]) == (str(session.id), str(ana.id))
    life = access["exp"] - clock.now().timestamp()
    assert 29 * 60 < life <= 30 * 60
    assert refresh["exp"] == int(session.expires_at.timestamp())


def test_refreshing_rotates(ana: User) -> None:
    old = _tokens(ana)
    answer = _refresh(old["refresh"])
    assert answer.status_code == 200
    assert answer.json().keys() == {"access", "refresh"}
    assert _claims(answer.json()["refresh"])["jti"] != _claims(old["refresh"])["jti"]
    assert _me(answer.json()["access"]).status_code == 200
    assert _refresh(answer.json()["refresh"]).status_code == 200


def test_a_lost_reply_is_repeated_within_a_minute(ana: User) -> None:
    old = _tokens(ana)["refresh"]
    first = _refresh(old).json()["refresh"]
    _later(timedelta(seconds=55))
    again = _refresh(old).json()["refresh"]
    assert _claims(again) == _claims(first)
    assert _refresh(again).status_code == 200


def test_a_stolen_token_ends_the_session_for_both(ana: User) -> None:
    old = _tokens(ana)["refresh"]
    current = _refresh(old).json()["refresh"]
    _later(timedelta(seconds=61))
    assert _is_refused(_refresh(old))
    assert _is_refused(_refresh(current))


def test_two_generations_back_is_theft_even_within_the_minute(ana: User) -> None:
    old = _tokens(ana)["refresh"]
    current = _refresh(_refresh(old).json()["refresh"]).json()["refresh"]
    assert _is_refused(_refresh(old))
    assert _is_refused(_refresh(current))


def test_other_devices_stay_signed_in(ana: User) -> None:
    phone, tablet = _tokens(ana), _tokens(ana)
    App().post("/api/v1/auth/logout/", {"refresh": phone["refresh"]})
    assert _is_refused(_refresh(phone["refresh"]))
    assert _refresh(tablet["refresh"]).status_code == 200


def test_logging_out_is_repeatable(ana: User) -> None:
    token = _tokens(ana)["refresh"]
    for body in (token, token, "garbage"):
        assert App().post("/api/v1/auth/logout/", {"refresh": body}).status_code == 204
    assert Session.objects.get().revoked_at


def test_an_expired_session_is_over(ana: User) -> None:
    now = clock.now()
    opened = tokens.open_session(ana, now=now)
    with pytest.raises(tokens.TokenInvalid):
        tokens.refresh(opened.refresh, now=now + timedelta(days=90))
    old = tokens.open_session(ana, now=now - timedelta(days=91))
    assert _is_refused(_refresh(old.refresh))
    assert _me(old.access).status_code == 401


def test_refreshing_prolongs(ana: User) -> None:
    now = clock.now()
    opened = tokens.open_session(ana, now=now)
    renewed = tokens.refresh(opened.refresh, now=now + timedelta(days=89))
    assert tokens.refresh(renewed.refresh, now=now + timedelta(days=178))


def test_a_deactivated_person_is_out(ana: User) -> None:
    pair = _tokens(ana)
    User.objects.update(is_active=False)
    assert _is_refused(_refresh(pair["refresh"]))
    assert _me(pair["access"]).status_code == 401


def test_a_removed_person_is_out(ana: User) -> None:
    pair = _tokens(ana)
    User.objects.all().delete()
    assert _is_refused(_refresh(pair["refresh"]))
    assert _me(pair["access"]).status_code == 401


def test_tokens_are_not_mixed_up(ana: User) -> None:
    pair = _tokens(ana)
    assert _is_refused(_refresh(pair["access"]))
    assert _me(pair["refresh"]).status_code == 401


def test_a_changed_secret_key_signs_nobody_out(ana: User, settings: Any) -> None:
    old_key = "an earlier key of more than fifty characters 0123456789 0123456789"
    token = jwt.encode(_claims(_tokens(ana)["refresh"]), old_key, algorithm="HS256")
    assert _is_refused(_refresh(token))
    settings.SECRET_KEY_FALLBACKS = [old_key]
    renewed = _refresh(token)
    assert renewed.status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert _refresh(renewed.json()["refresh"]).status_code == 200


def _forged(**changes: Any) -> str:
    claims = {"token_type": "refresh", "exp": 4_000_000_000, "jti": uuid4().hex, "sid": str(uuid4())}
    return jwt.encode(claims | changes, "another key of at least thirty-two bytes", algorithm="HS256")


GARBAGE = [
    "x",
    "a.b.c",
    "é.é.é",
    "..",
    "\t.\t.\t",
    jwt.encode({"exp": 4_000_000_000}, "", algorithm="none"),
    _forged(),
    _forged(sid=None),
]


@pytest.mark.parametrize("token", GARBAGE)
def test_garbage_is_unauthorised(db: None, token: str) -> None:
    assert _is_refused(_refresh(token)) or _refresh(token).status_code == 400
    answer = _me(token)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Basic eDp5", "Bearer \xff", "Bearer " + "WyJ" * 2_000])
def test_garbage_headers_are_unauthorised(db: None, header: str) -> None:
    answer = App(HTTP_AUTHORIZATION=header).get("/api/v1/me/")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("token", [None, 1.5, True, [], {}, "", "x" * 100_000, "\0"])
def test_a_value_that_is_no_token_is_invalid(db: None, token: Any) -> None:
    assert _refresh(token).status_code in {400, 401, 413}


@pytest.mark.django_db(transaction=True)
def test_refreshes_at_once_get_the_same_generation(ana: User) -> None:
    token = _tokens(ana)["refresh"]
    answers = at_once(*[partial(_refresh, token) for _ in range(6)])
    assert {answer.status_code for answer in answers} == {200}
    assert len({_claims(answer.json()["refresh"])["jti"] for answer in answers}) == 1
    assert _refresh(answers[0].json()["refresh"]).status_code == 200
