import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.database.sql import rows
from messaging.encryption import (
    Unreadable,
    decrypt,
    decrypt_number,
    decrypt_text,
    encrypt,
    encrypt_number,
    encrypt_text,
    is_current,
    stored_forms,
    unwrap_key,
    wrap_key,
)
from messaging.models import Message
from tests.messaging.engine import queued, sms

OLD = django_settings.DATA_KEYS[0]
NEW = "another-key-of-more-than-fifty-characters-0123456789-0123456789"
NUMBER = "+996700123456"


def without_keys(settings: Any, text: str) -> bytes:
    """The text as a release without DATA_KEYS encrypted it."""
    kept, settings.DATA_KEYS = settings.DATA_KEYS, ["plain", NEW]
    encrypted = encrypt(text)
    settings.DATA_KEYS = kept
    return encrypted


@given(st.text())
def test_an_encrypted_text_can_be_read_again(text: str) -> None:
    assert decrypt(encrypt(text)) == text
    assert decrypt(memoryview(encrypt(text))) == text


@given(st.text())
@example("~tAAAAAA" + "A" * 40)
def test_a_column_gives_its_text_back(text: str) -> None:
    stored = encrypt_text(text, about="note")
    assert decrypt_text(stored, about="note") == text
    assert stored == text == "" or re.fullmatch(r"~t[\w-]+", stored)


@given(st.text())
def test_a_column_gives_its_number_back(number: str) -> None:
    assert decrypt_number(encrypt_number(number)) == number


def test_the_same_text_never_looks_the_same() -> None:
    assert encrypt("Your code is 123456") != encrypt("Your code is 123456")
    assert encrypt_text("Aida", about="name") != encrypt_text("Aida", about="name")


def test_the_same_number_always_looks_the_same() -> None:
    assert encrypt_number(NUMBER) == encrypt_number(NUMBER) != encrypt_number("+996700123457")
    assert "996700123456" not in encrypt_number(NUMBER)


def test_after_a_change_of_keys_everything_can_be_read(settings: Any) -> None:
    text, name, number, file_key = (
        encrypt("Help"),
        encrypt_text("Aida", about="name"),
        encrypt_number(NUMBER),
        b"k" * 32,
    )
    wrapped = wrap_key(file_key)
    settings.DATA_KEYS = [NEW, OLD]
    assert (decrypt(text), decrypt_text(name, about="name"), decrypt_number(number)) == ("Help", "Aida", NUMBER)
    assert unwrap_key(memoryview(wrapped)) == file_key
    assert not any(is_current(each) for each in (text, name, number, wrapped, NUMBER))
    written = (encrypt("Help"), encrypt_text("Aida", about="name"), encrypt_number(NUMBER), wrap_key(file_key), "")
    assert all(is_current(each) for each in written)


def test_a_number_is_found_in_every_form_in_which_it_may_be_stored(settings: Any) -> None:
    old = encrypt_number(NUMBER)
    settings.DATA_KEYS = [NEW, OLD]
    assert stored_forms(NUMBER) == [encrypt_number(NUMBER), old, NUMBER]
    settings.DATA_KEYS = ["plain", NEW, OLD]
    assert stored_forms(NUMBER)[0] == encrypt_number(NUMBER) == NUMBER
    assert old in stored_forms(NUMBER)
    assert stored_forms("") == [""]


def test_plain_writes_what_the_release_before_can_read(settings: Any) -> None:
    earlier = without_keys(settings, "Help")
    settings.DATA_KEYS = ["plain", NEW]
    assert encrypt_text("Aida", about="name") == "Aida"
    assert encrypt_number(NUMBER) == NUMBER
    assert decrypt(earlier) == "Help"
    # A person may write words that look encrypted.
    looks_encrypted = "~tAAAAAA" + "A" * 40
    assert decrypt_text(encrypt_text(looks_encrypted, about="note"), about="note") == looks_encrypted


def test_texts_of_releases_without_data_keys_are_read_with_secret_key(settings: Any) -> None:
    earlier = without_keys(settings, "Help")
    assert decrypt(earlier) == "Help"
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [settings.SECRET_KEY]
    assert decrypt(earlier) == "Help"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Unreadable):
        decrypt(earlier)


def test_nothing_can_be_read_without_its_key(settings: Any) -> None:
    text, name, number, wrapped = encrypt("Help"), encrypt_text("Aida", about="name"), encrypt_number(NUMBER), b""
    wrapped = wrap_key(b"k" * 32)
    settings.DATA_KEYS = [NEW]
    for read in (
        lambda: decrypt(text),
        lambda: decrypt_text(name, about="name"),
        lambda: decrypt_number(number),
        lambda: unwrap_key(wrapped),
    ):
        with pytest.raises(Unreadable):
            read()


def test_a_value_cannot_be_moved_to_another_purpose() -> None:
    with pytest.raises(Unreadable):
        decrypt_text(encrypt_text("Aida", about="name"), about="note")
    with pytest.raises(Unreadable):
        decrypt(encrypt("secret", about="staff factor"))
    with pytest.raises(Unreadable):
        unwrap_key(encrypt("k" * 32))


@pytest.mark.parametrize("garbage", [b"", b"Help", b"\x01", b"\x01Help", b"\x00\xff" * 50])
def test_garbage_is_unreadable(garbage: bytes) -> None:
    with pytest.raises(Unreadable):
        decrypt(garbage)
    with pytest.raises(Unreadable):
        unwrap_key(garbage)


@pytest.mark.parametrize("kind", ["t", "n"])
@pytest.mark.parametrize("length", range(22, 30))
def test_garbage_in_an_encrypted_column_is_unreadable(kind: str, length: int) -> None:
    own_id = encrypt_number(NUMBER)[2:8]
    for key_id in ("AAAAAA", own_id):
        garbage = f"~{kind}{key_id}{'A' * length}"
        with pytest.raises(Unreadable):
            _ = decrypt_text(garbage, about="note") if kind == "t" else decrypt_number(garbage)


@pytest.mark.parametrize("plain", ["", "~", "~t", "~n12", "~nAAAAAA" + "A" * 21, "~tAAAAAA" + "ы" * 40, "Aida", NUMBER])
def test_words_that_were_stored_plain_are_read_as_they_are(plain: str) -> None:
    assert decrypt_text(plain, about="note") == decrypt_number(plain) == plain


@pytest.mark.django_db
def test_no_column_of_the_row_holds_the_text() -> None:
    [message] = queued(sms("Your code is 493817"))
    [row] = rows("SELECT m::text, encode(m.text, 'escape') FROM messaging_message m WHERE id = %s", [message.id])
    assert "493817" not in " ".join(row)
    assert decrypt(Message.objects.get(id=message.id).text or b"") == "Your code is 493817"
