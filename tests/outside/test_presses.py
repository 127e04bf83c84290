"""An SOS is taken whatever its body is (Promise 11)."""

import gzip
import json
import zlib
from functools import partial
from typing import Any, cast

import pytest
from rest_framework.test import APIClient

from alerts.models import SosAlert
from alerts.sos import body as bodies
from messaging.models import Message, MessageClass
from tests.alerts.conftest import Contacts

URL = "/api/v1/sos-alerts/"
JSON = "application/json"
HERE = {"latitude": 42.87, "longitude": 74.57, "address": "Чүй 1"}
TEXT = json.dumps(HERE, ensure_ascii=False)
UTF8 = TEXT.encode()
packed = partial(gzip.compress, mtime=0)  # the same in each process that collects the tests
BOMB = packed(b"[" * 50_000_000)
FORM = "application/x-www-form-urlencoded"
PARTS = (
    '--b\r\nContent-Disposition: form-data; name="latitude"\r\n\r\n42.87\r\n'
    '--b\r\nContent-Disposition: form-data; name="longitude"\r\n\r\n74.57\r\n--b--\r\n'
)

pytestmark = pytest.mark.django_db


def press(phone: APIClient, sent: bytes, content_type: str = JSON, *, url: str = URL, **headers: str) -> Any:
    return cast(Any, phone).generic("POST", url, sent, content_type, headers=headers)


def codes(answer: Any) -> list[str]:
    return [warning.split(":")[0] for warning in answer.json()["warnings"]]


@pytest.mark.parametrize(
    ("sent", "content_type", "encoding"),
    [
        (UTF8, JSON, ""),
        (b"\xef\xbb\xbf" + UTF8, JSON, ""),
        (TEXT.encode("utf-16"), JSON, ""),
        (TEXT.encode("utf-16-le"), "application/json; charset=utf-16le", ""),
        (TEXT.encode("utf-16-be"), JSON, ""),
        (TEXT.encode("utf-32"), JSON, ""),
        (TEXT.replace("ү", "у").encode("cp1251"), "application/json; charset=windows-1251", ""),
        (UTF8, "application/json; charset=utf-8", ""),
        (UTF8, "application/json; charset=nonsense", ""),
        (UTF8, "APPLICATION/JSON", ""),
        (UTF8, "text/plain", ""),
        (UTF8, "text/plain; charset=iso-8859-1", ""),
        (UTF8, FORM, ""),
        (UTF8, "multipart/form-data", ""),
        (UTF8, "application/octet-stream", ""),
        (UTF8, "application/xml, application/json", ""),
        (UTF8, "json", ""),
        (UTF8, "; ; /", ""),
        (UTF8, "", ""),
        (b" \r\n\t" + UTF8 + b"\r\n\0\0", JSON, ""),
        (UTF8 + b" and more", JSON, ""),
        (json.dumps(TEXT).encode(), JSON, ""),
        (packed(UTF8), JSON, "gzip"),
        (packed(UTF8), JSON, "GZip"),
        (packed(UTF8), "application/gzip", ""),
        (UTF8, JSON, "gzip"),
        (zlib.compress(UTF8), JSON, "deflate"),
        (zlib.compress(UTF8)[2:-4], JSON, "deflate"),
        (UTF8, JSON, "deflate"),
        (UTF8, JSON, "br"),
        (UTF8, JSON, "identity"),
        (UTF8 + b" " * 70_000, JSON, ""),
        (UTF8[:-1] + b', "unknown": ' + b"[" * 500 + b"]" * 500 + b"}", JSON, ""),
        (b'{"latitude": 1, "latitude": 42.87, "longitude": "74.57"}', JSON, ""),
        (b'{"latitude": 42.87, "longitude": 74.57, "battery": NaN, "speed": -Infinity}', JSON, ""),
        (b'{"latitude": 42.87, "longitude": 74.57, "sent_at": ' + b"9" * 5_000 + b"}", JSON, ""),
        (b"latitude=42.87&longitude=74.57", FORM, ""),
        (b"latitude=42.87&longitude=74.57", "text/plain", ""),
        (PARTS.encode(), "multipart/form-data; boundary=b", ""),
    ],
)
def test_a_body_that_can_be_read_is_read(
    phone: APIClient, contacts: Contacts, sent: bytes, content_type: str, encoding: str
) -> None:
    contacts("Aida")
    answer = press(phone, sent, content_type, **({"Content-Encoding": encoding} if encoding else {}))
    assert (answer.status_code, answer.json()["warnings"]) == (201, [])
    alert = SosAlert.objects.get()
    assert (alert.latitude, alert.longitude, alert.is_drill) == (42.87, 74.57, False)
    assert Message.objects.get().message_class == MessageClass.EMERGENCY


@pytest.mark.parametrize(
    ("sent", "content_type", "encoding"),
    [
        (b"{", JSON, ""),
        (UTF8[:-20], JSON, ""),
        (b"[" * 30_000, JSON, ""),
        (b'{"a":' * 30_000, JSON, ""),
        (b"\xff\xfe\xfd", JSON, ""),
        (b"[]", JSON, ""),
        (b"null", JSON, ""),
        (b'"x"', JSON, ""),
        (b"7" * 70_000, JSON, ""),
        (b"SOS", "text/plain", ""),
        (b"<sos/>", "application/xml", ""),
        (b"\x00\x01\x02\x03" * 200, "image/jpeg", ""),
        (b"\x8b\x07\x80", JSON, "br"),
        (BOMB, JSON, "gzip"),
        (packed(UTF8)[:30], JSON, "gzip"),
        (b"\x1f\x8b", JSON, "gzip"),
        (b"--b\r\n" + b"x" * 1_000, "multipart/form-data; boundary=b", ""),
        (b"name=value", "multipart/form-data; boundary=" + "b" * 300, ""),
        (b"a=1&" * 5_000, FORM, ""),
    ],
)
def test_a_body_that_cannot_be_read_is_an_sos_with_a_warning(
    phone: APIClient, contacts: Contacts, sent: bytes, content_type: str, encoding: str
) -> None:
    contacts("Aida")
    answer = press(phone, sent, content_type, **({"Content-Encoding": encoding} if encoding else {}))
    assert (answer.status_code, codes(answer)) == (201, ["body_ignored"])
    alert = SosAlert.objects.get()
    assert (alert.latitude, alert.is_drill) == (None, False)
    assert Message.objects.get().message_class == MessageClass.EMERGENCY


@pytest.mark.parametrize("sent", [b"", b"   ", b"{}"])
@pytest.mark.parametrize("content_type", [JSON, FORM, "multipart/form-data; boundary=b", "", "x"])
def test_an_empty_body_is_an_sos(phone: APIClient, sent: bytes, content_type: str) -> None:
    answer = press(phone, sent, content_type)
    assert (answer.status_code, answer.json()["warnings"]) == (201, [])


def test_a_bomb_is_unpacked_up_to_the_bound() -> None:
    assert len(bodies._unpacked(BOMB, "gzip")) == 64 * 1024


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*;q=x", "*", "", "a/b;c=" + "d" * 500])
def test_the_response_is_json_whatever_is_asked_for(phone: APIClient, accept: str) -> None:
    answer = press(phone, UTF8, Accept=accept)
    assert (answer.status_code, answer["Content-Type"]) == (201, JSON)


class TestDrills:
    """A drill's client marks the URL too. A body that is lost on the way then raises no real SOS."""

    @pytest.mark.parametrize("sent", [b"", b"{}", b"{", b"\xff\xfe\xfd", b"[]", b'{"latitude": 42.87}', b"drill"])
    @pytest.mark.parametrize("mark", ["drill=true", "drill=True", "a=b&drill=1", "drill=true&" + "x=1&" * 900])
    def test_a_marked_press_is_a_drill_whatever_becomes_of_its_body(
        self, phone: APIClient, contacts: Contacts, sent: bytes, mark: str
    ) -> None:
        contacts("Aida")
        answer = press(phone, sent, url=f"{URL}?{mark}")
        assert (answer.status_code, answer.json()["is_drill"]) == (201, True)
        assert Message.objects.get().message_class == MessageClass.SAFETY

    @pytest.mark.parametrize(
        "sent",
        [
            b'{"drill": true',
            b'{"latitude": 42.8, "drill":true, "longi',
            b'[{"drill": true}]',
            b"{'drill': True}",
            b"drill: true",
        ],
    )
    def test_a_broken_body_that_asks_for_a_drill_is_a_drill(self, phone: APIClient, sent: bytes) -> None:
        answer = press(phone, sent)
        assert (answer.status_code, answer.json()["is_drill"], codes(answer)) == (201, True, ["body_ignored"])

    @pytest.mark.parametrize(
        ("sent", "content_type"),
        [
            (b'{"drill": true}', JSON),
            (b'{"drill": true}', "text/plain"),
            (b"drill=true", FORM),
            (packed(b'{"drill": true}'), JSON),
        ],
    )
    def test_a_readable_drill_is_a_drill(self, phone: APIClient, sent: bytes, content_type: str) -> None:
        assert press(phone, sent, content_type).json()["is_drill"] is True

    @pytest.mark.parametrize(
        "sent",
        [b'{"drill": tr', b'{"drill": fals', b'[{"drill": true}, {"drill": false}]', b'{"x": "a drill"'],
    )
    def test_a_broken_body_that_does_not_ask_for_one_is_a_real_sos(self, phone: APIClient, sent: bytes) -> None:
        assert press(phone, sent).json()["is_drill"] is False

    @pytest.mark.parametrize("mark", ["drill=false", "drill=", "drill", "drills=true", "xdrill=true", "drill=trueish"])
    def test_another_mark_marks_nothing(self, phone: APIClient, mark: str) -> None:
        assert press(phone, b"", url=f"{URL}?{mark}").json()["is_drill"] is False

    def test_a_body_overrules_the_mark(self, phone: APIClient) -> None:
        assert press(phone, b'{"drill": false}', url=f"{URL}?drill=true").json()["is_drill"] is False

    @pytest.mark.parametrize("both", [b"true, false", b"false, true"])
    def test_a_body_that_says_both_is_a_real_sos(self, phone: APIClient, both: bytes) -> None:
        answer = press(phone, b'{"drill": %b, "drill": %b}' % tuple(both.split(b", ")))
        assert (answer.json()["is_drill"], codes(answer)) == (False, ["drill_ignored"])
