"""Access to a file for its owner and for contacts, whole or in parts."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from alerts.contacts import links
from alerts.evidence import signed_urls
from alerts.models import ContactLink, Evidence
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import app
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send
from tests.alerts.evidence.downloads import body

CONTENT = files.mp4(b"vide", media=200_000)

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(send: Send, alert: str) -> str:
    """The signed path of a film."""
    return str(urlsplit(send(CONTENT, "video").json()["video_url"]).path)


@pytest.fixture
def contacts_url(send: Send, pressed: str, token: str) -> str:
    """The path of the same film for Aida, Ana's first contact."""
    return f"/a/{token}/evidence/{send(CONTENT, 'video', to=pressed).json()['id']}"


def test_the_whole_file_with_its_type_and_nothing_more(url: str) -> None:
    answer = Client().get(url)
    assert answer.status_code == 200
    assert body(answer) == CONTENT
    evidence = Evidence.objects.get()
    assert answer["Content-Type"] == "video/mp4"
    assert answer["Content-Length"] == str(len(CONTENT))
    assert answer["ETag"] == f'"{evidence.sha256}"'
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == f'inline; filename="video-{evidence.id}.mp4"'
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, len(CONTENT)),
        ("bytes=100-99999", 100, 100_000),
        ("bytes=70000-", 70_000, len(CONTENT)),
        ("bytes=-500", len(CONTENT) - 500, len(CONTENT)),
        ("bytes=-99999999", 0, len(CONTENT)),
        ("bytes=10-99999999", 10, len(CONTENT)),
    ],
)
def test_a_range(url: str, contacts_url: str, asked: str, start: int, end: int) -> None:
    for path in (url, contacts_url):
        answer = Client().get(path, headers={"Range": asked})
        assert answer.status_code == 206
        assert body(answer) == CONTENT[start:end]
        assert answer["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
        assert answer["Content-Length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=99999999-", "bytes=-0"])
def test_a_range_that_is_not_there(url: str, asked: str) -> None:
    answer = Client().get(url, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked", ["", "bytes", "bytes=", "bytes=-", "bytes=5-2", "lines=0-1", "bytes=0-1,5-6", "bytes=" + "9" * 30, "\0é"]
)
def test_an_invalid_range_gets_the_whole_file(url: str, asked: str) -> None:
    answer = Client().get(url, headers={"Range": asked})
    assert answer.status_code == 200
    assert body(answer) == CONTENT


def test_a_range_of_another_file_gets_the_whole_file(url: str) -> None:
    etag = f'"{Evidence.objects.get().sha256}"'
    same = Client().get(url, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = Client().get(url, headers={"Range": "bytes=0-9", "If-Range": '"x"'})
    assert (same.status_code, other.status_code) == (206, 200)
    assert (body(same), body(other)) == (CONTENT[:10], CONTENT)
    assert Client().get(url, headers={"If-None-Match": etag}).status_code == 304
    assert Client().get(url, headers={"If-Match": '"x"', "Range": "bytes=0-9"}).status_code == 412


def test_a_head_has_no_body(url: str, contacts_url: str) -> None:
    for path in (url, contacts_url):
        answer = Client().head(path)
        assert (answer.status_code, answer["Content-Length"], body(answer)) == (200, str(len(CONTENT)), b"")


def test_a_signed_url_expires(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signature = url.rstrip("/").rpartition("/")[2]
    now = clock.now()
    assert signed_urls.opened(signature, now=now + signed_urls.VALID_FOR - timedelta(minutes=1)) is not None
    assert signed_urls.opened(signature, now=now + signed_urls.VALID_FOR + timedelta(seconds=1)) is None


def test_what_was_never_signed_opens_nothing(url: str, settings: Any) -> None:
    signature = url.rstrip("/").rpartition("/")[2]
    for forged in (signature[:-1] + "_", signature.replace(":", "."), "x", "a:b", "é", "%00", str(uuid4())):
        answer = Client().get(f"/api/v1/evidence/{forged}/")
        assert answer.status_code == 404, forged
    settings.SECRET_KEY = "another-key-of-more-than-fifty-characters-0123456789-0123456789"
    assert Client().get(url).status_code == 404
    settings.SECRET_KEY_FALLBACKS = ["a-key-for-tests-only-of-more-than-fifty-characters-0123456789"]
    assert body(Client().get(url)) == CONTENT


def test_the_list_is_the_owners(phone: APIClient, send: Send, stranger: User, alert: str) -> None:
    first, second = send(CONTENT, "video").json(), send(files.wav()).json()
    listed = phone.get(f"{URL}{alert}/evidence/").json()
    assert [one["id"] for one in listed] == [first["id"], second["id"]]
    assert body(Client().get(urlsplit(listed[1]["url"]).path)) == files.wav()
    assert app(stranger).get(f"{URL}{alert}/evidence/").status_code == 404
    assert APIClient().get(f"{URL}{alert}/evidence/").status_code == 401


def test_a_contact_has_the_files_of_their_alert_only(
    contacts_url: str, send: Send, phone: APIClient, pressed: str
) -> None:
    assert body(Client().get(contacts_url)) == CONTENT
    phone.post(f"{URL}{pressed}/resolve/")
    other = phone.post(URL, {}, format="json").data["id"]
    elsewhere = send(files.wav(), to=other).json()["id"]
    page, _, _ = contacts_url.rpartition("/")
    for wrong in (f"{page}/{elsewhere}", f"{page}/{uuid4()}", f"{page}/x", contacts_url.replace("/a/", "/a/x")):
        assert Client().get(wrong).status_code == 404
    assert Client(enforce_csrf_checks=True).post(contacts_url).status_code == 405
    links.revoke(list(ContactLink.objects.values_list("id", flat=True)), now=clock.now())
    assert Client().get(contacts_url).status_code == 404


def test_a_file_is_not_compressed_on_the_way(contacts_url: str) -> None:
    answer = Client().get(contacts_url, headers={"Accept-Encoding": "gzip", "Range": "bytes=5-9"})
    assert (answer.status_code, body(answer)) == (206, CONTENT[5:10])
    assert "Content-Encoding" not in answer


@pytest.mark.django_db(transaction=True)  # A closed response gives its connection back.
def test_a_limited_number_of_files_is_sent_at_once(url: str, contacts_url: str) -> None:
    """A slow reader holds a thread, and an SOS must find a free one."""
    first = [Client().get(contacts_url) for _ in range(settings.WEB_THREADS // 4)]
    assert {answer.status_code for answer in first} == {200}
    for path in (url, contacts_url):
        busy = Client().get(path)
        assert (busy.status_code, busy["Retry-After"]) == (503, "10")
    first[0].close()  # The client closes the connection.
    assert body(Client().get(url)) == CONTENT
    for answer in first[1:]:
        answer.close()
