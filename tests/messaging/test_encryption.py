from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.database.sql import rows
from messaging.encryption import Unreadable, decrypt, encrypt
from messaging.models import Message
from tests.messaging.engine import queued, sms

NEW_KEY = "another-key-of-more-than-fifty-characters-0123456789-0123456789"


@given(st.text())
def test_an_encrypted_text_can_be_read_again(text: str) -> None:
    assert decrypt(encrypt(text)) == text
    assert decrypt(memoryview(encrypt(text))) == text


def test_the_same_text_never_looks_the_same() -> None:
    assert encrypt("Your code is 123456") != encrypt("Your code is 123456")


def test_after_a_change_of_keys_the_fallback_still_opens(settings: Any) -> None:
    sealed = encrypt("Help")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [settings.SECRET_KEY]
    assert decrypt(sealed) == "Help"


def test_a_text_without_its_key_is_unreadable(settings: Any) -> None:
    sealed = encrypt("Help")
    settings.SECRET_KEY = NEW_KEY
    with pytest.raises(Unreadable):
        decrypt(sealed)


@pytest.mark.parametrize("garbage", [b"", b"Help", b"\x00\xff" * 50])
def test_garbage_is_unreadable(garbage: bytes) -> None:
    with pytest.raises(Unreadable):
        decrypt(garbage)


@pytest.mark.django_db
def test_no_column_of_the_row_holds_the_text() -> None:
    [message] = queued(sms("Your code is 493817"))
    [row] = rows("SELECT m::text, encode(m.text, 'escape') FROM messaging_message m WHERE id = %s", [message.id])
    assert "493817" not in " ".join(row)
    assert decrypt(Message.objects.get(id=message.id).text or b"") == "Your code is 493817"
