"""Neither a response nor the work for it tells whether a number has an account."""

import re
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity.models import User, Verification
from tests.identity.phones import ANA, BEN, App, code_for, register, resend, sign_in, texts_to, verify

_VALUES = re.compile(r"'[^']*'|\"s\d+_x\d+\"|\b\d+\b|\b(true|false)\b", re.IGNORECASE)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every argon2 hash that is computed; `verify` computes one inside the library."""
    computed: list[str] = []
    for name in ("encode", "verify"):
        original = getattr(Argon2PasswordHasher, name)

        def counted(self: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            computed.append("argon2")
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    return computed


def _work(call: Any, hashes: list[str]) -> tuple[Any, list[str], int]:
    """The response, the queries in order without their values, and the number of hashes computed."""
    hashes.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = call()
    queries = [_VALUES.sub("?", query["sql"]) for query in captured]
    return answer, queries, len(hashes)


def _shape(answer: Any) -> Any:
    body = answer.json()
    for field in ("phone_number", "verification_id", "expires_at"):
        body[field] = len(body[field])
    return answer.status_code, body, {k: len(v) for k, v in answer.items() if k != "X-Request-Id"}


def test_registering(app: App, ana: User, hashes: list[str]) -> None:
    known, known_queries, known_hashes = _work(lambda: register(app, ANA), hashes)
    unknown, queries, count = _work(lambda: register(app, BEN), hashes)
    assert _shape(known) == _shape(unknown)
    assert known_queries == queries
    assert known_hashes == count == 1
    assert len(texts_to(ANA)) == len(texts_to(BEN)) == 1


def test_its_owner_is_told_in_their_language(app: App, ana: User) -> None:
    register(app, ANA, language="ru")
    assert texts_to(ANA) == ["AlertMe: you already have an account. If this was you, just sign in."]


def test_resending(app: App, ana: User, hashes: list[str]) -> None:
    known, unknown = register(app, ANA).json(), register(app, BEN).json()
    early = [resend(app, known), resend(app, unknown)]
    assert [answer.status_code for answer in early] == [429, 429]
    assert early[0].content == early[1].content
    Verification.objects.update(sent_at="2020-01-01T00:00Z")
    of_known, known_queries, _ = _work(lambda: resend(app, known), hashes)
    of_unknown, queries, _ = _work(lambda: resend(app, unknown), hashes)
    assert _shape(of_known) == _shape(of_unknown)
    assert known_queries == queries
    assert "account" in texts_to(ANA)[-1]
    assert code_for(BEN)


def test_verifying(app: App, ana: User, hashes: list[str]) -> None:
    known, unknown = register(app, ANA).json(), register(app, BEN).json()
    wrong = "000000" if code_for(BEN) != "000000" else "000001"
    of_known, known_queries, _ = _work(lambda: verify(app, known, wrong), hashes)
    of_unknown, queries, _ = _work(lambda: verify(app, unknown, wrong), hashes)
    assert of_known.content == of_unknown.content
    assert known_queries == queries
    tries = set(Verification.objects.values_list("tries_left", flat=True))
    assert tries == {4}


def test_no_code_at_all_verifies_a_known_number(app: App, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity.verification.codes.new_code", lambda: "123456")
    pending = register(app, ANA).json()
    answer = verify(app, pending, "123456")
    assert (answer.status_code, answer.json()["code"]) == (400, "code_invalid")
    assert User.objects.get().first_name == "Ana"


def test_signing_in(app: App, ana: User, hashes: list[str]) -> None:
    ana.set_password("something else entirely")
    ana.save()
    wrong, wrong_queries, wrong_hashes = _work(lambda: sign_in(app, ANA), hashes)
    unknown, queries, count = _work(lambda: sign_in(app, BEN), hashes)
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    assert wrong.status_code == 401
    assert wrong.json()["code"] == "credentials_invalid"
    assert wrong_queries == queries
    assert wrong_hashes == count == 1
