"""The contacts' page: its content, and that nobody else sees it."""

import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.contacts import links
from alerts.models import AlertPosition, ContactLink, SosAlert
from alerts.page.linked import GUESSES
from identity import derived
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import app
from tests.alerts.engine import messages, token_in
from tests.alerts.page.reading import text_of_page, within_one_window

URL = "/api/v1/sos-alerts/"
FIRST_VIEW_BYTES = 30_000

pytestmark = pytest.mark.django_db


def test_the_page_says_who_since_when_where_and_whom_to_call(token: str) -> None:
    page = Client().get(f"/a/{token}").content.decode()
    assert "<h1>Ana Asanova needs help</h1>" in page
    assert 'href="tel:+996555123456"' in page
    assert 'href="tel:112"' in page
    assert "Chüy 1" in page
    assert "42.87460, 74.56980" in page
    assert 'href="geo:42.874600,74.569800?q=42.874600,74.569800"' in page
    assert "https://2gis.kg/geo/74.569800,42.874600" in page
    assert "https://www.google.com/maps/search/?api=1&amp;query=42.874600,74.569800" in page
    assert "https://maps.apple.com/?ll=42.874600,74.569800" in page
    assert "just now" in page


def test_ages_are_said_in_the_unit_that_fits(token: str) -> None:
    SosAlert.objects.update(created_at=clock.now() - timedelta(hours=3))
    AlertPosition.objects.update(at=clock.now() - timedelta(minutes=7))
    page = text_of_page(token)
    assert "SOS pressed: 3 h ago" in page
    assert "Position: 7 min ago" in page
    SosAlert.objects.update(created_at=clock.now() - timedelta(days=2, hours=5))
    assert "SOS pressed: 2 d ago" in text_of_page(token)


def test_times_are_in_the_zone_of_the_place(token: str, settings: Any) -> None:
    SosAlert.objects.update(created_at="2026-03-01T20:30:00Z")
    assert "20:30 UTC" in text_of_page(token)
    settings.DISPLAY_TIME_ZONE = type(settings.DISPLAY_TIME_ZONE)("Asia/Bishkek")
    assert "02:30 UTC+06" in text_of_page(token)


def test_without_a_position_it_says_so(token: str) -> None:
    AlertPosition.objects.all().delete()
    SosAlert.objects.update(latitude=None, longitude=None, address="")
    page = Client().get(f"/a/{token}").content.decode()
    assert "The position is not known yet." in page
    assert "geo:" not in page


@pytest.mark.parametrize(
    ("path", "said", "not_said"),
    [("resolve", "Ana Asanova is safe", "needs help"), ("cancel", "False alarm: Ana Asanova cancelled", "needs help")],
)
def test_the_end_is_said_and_nobody_is_asked_to_call_112(
    phone: APIClient, pressed: str, token: str, path: str, said: str, not_said: str
) -> None:
    phone.post(f"{URL}{pressed}/{path}/")
    page = Client().get(f"/a/{token}").content.decode()
    assert said in page
    assert not_said not in page
    assert "The alert has ended: " in page
    assert "tel:112" not in page
    assert "http-equiv" not in page


def test_under_duress_nobody_is_led_to_call_the_person(pressed: str, token: str) -> None:
    first = Client().get(f"/a/{token}/live")
    SosAlert.objects.update(duress_at=clock.now())
    answer = Client().get(f"/a/{token}/live", headers={"If-None-Match": first["ETag"]})
    page = answer.content.decode()
    assert "<h1>Ana Asanova is under threat</h1>" in page
    assert "Do not call or write to Ana Asanova: call the police." in page
    assert "tel:+996555123456" not in page
    assert 'href="tel:112"' in page
    SosAlert.objects.update(status="resolved", ended_at=clock.now())
    assert "is safe" in Client().get(f"/a/{token}").content.decode()


@pytest.mark.parametrize(
    ("language", "said"),
    [("ky", "Ana Asanova жардам сурайт"), ("ru", "Ana Asanova просит о помощи"), ("en", "Ana Asanova needs help")],
)
def test_it_speaks_the_contacts_language_or_the_chosen_one(token: str, language: str, said: str) -> None:
    chosen = Client().get(f"/a/{token}?lang={language}", headers={"Accept-Language": "de"})
    assert f'<html lang="{language}">' in chosen.content.decode()
    assert said in chosen.content.decode()
    assert chosen["Content-Language"] == language
    ContactLink.objects.get(token_hash=derived.hash_of(token)).alert.notifications.update(language=language)
    assert said in text_of_page(token, **{"Accept-Language": "de"})
    assert said in text_of_page(token, "/live")
    assert said in text_of_page(token, "?lang=xx")
    for code in ("ky", "ru", "en"):
        assert f'href="?lang={code}"' in chosen.content.decode()


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_no_word_is_left_in_english(phone: APIClient, pressed: str, token: str, language: str) -> None:
    for end in ("", "resolve"):
        if end:
            phone.post(f"{URL}{pressed}/{end}/")
        page = text_of_page(token, f"?lang={language}")
        words = set(re.findall(r"[A-Za-z]{3,}", page)) - {"Ana", "Asanova", "SOS", "Chüy", "UTC", "GIS", "English"}
        assert words <= {"Google", "Maps", "Apple"}, words


def test_the_first_view_is_small(token: str, settings: Any) -> None:
    settings.MAP_TILE_URL = "https://tile.example/{z}/{x}/{y}.png"
    page = Client().get(f"/a/{token}?lang=ky", headers={"Accept-Encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    html = gzip.decompress(page.content).decode()
    parts = re.findall(r'(?:src|href)="/static/([^"]+)"', html)
    assert sorted(parts) == ["alerts/icon.svg", "alerts/page.css", "alerts/page.js"]
    # The files are sent uncompressed: a proxy that compresses them makes them smaller still.
    sizes = [len(page.content), *(Path(str(finders.find(part))).stat().st_size for part in parts)]
    assert sum(sizes) < FIRST_VIEW_BYTES / 2, sizes


def test_the_page_holds_nothing_inline_and_loads_nothing_from_elsewhere(token: str) -> None:
    answer = Client().get(f"/a/{token}")
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "img-src 'self';" in policy
    html = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)
    assert not re.findall(r'(?:src|action|<link[^>]*href)="https?:', html)


@pytest.mark.parametrize("path", ["", "/live"])
def test_the_page_is_not_cached_not_indexed_and_no_referrer(token: str, path: str) -> None:
    for address in (f"/a/{token}{path}", f"/a/{'x' * 22}{path}"):
        answer = Client().get(address)
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        assert answer["X-Frame-Options"] == "DENY"
        assert not answer.cookies


def test_polling_costs_nothing_while_nothing_changes(phone: APIClient, pressed: str, token: str) -> None:
    first = Client().get(f"/a/{token}/live")
    with CaptureQueriesContext(connection) as queries:
        same = Client().get(f"/a/{token}/live", headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
    assert len(queries) <= 6
    assert Client().get(f"/a/{token}/live?lang=ru", headers={"If-None-Match": first["ETag"]}).status_code == 200
    phone.post(URL, {"latitude": 42.9, "longitude": 74.6}, format="json")
    moved = Client().get(f"/a/{token}/live", headers={"If-None-Match": first["ETag"]})
    assert moved.status_code == 200
    assert "42.90000, 74.60000" in moved.content.decode()
    phone.post(f"{URL}{pressed}/resolve/")
    ended = Client().get(f"/a/{token}/live", headers={"If-None-Match": moved["ETag"]})
    assert "Ana Asanova is safe" in ended.content.decode()


def test_the_page_and_its_poll_agree(token: str) -> None:
    page, live = Client().get(f"/a/{token}"), Client().get(f"/a/{token}/live")
    assert page["ETag"] == live["ETag"]
    assert live.content.decode().split("Where")[1] in page.content.decode()


def _closed(pressed: str, token: str) -> list[str]:
    other = token_in(messages(pressed)[1])
    link = ContactLink.objects.get(token_hash=derived.hash_of(other))
    links.revoke([link.id], now=clock.now())
    return [
        other,
        token[:-1],
        token + "x",
        token.swapcase(),
        "x" * 22,
        "é" * 22,
        "%00" * 22,
        "",
        "a/b/c",
        ".",
        "-" * 500,
    ]


def test_every_link_that_opens_nothing_gets_the_same_response(
    pressed: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    within_one_window(monkeypatch)
    answers = [
        getattr(Client(enforce_csrf_checks=True), verb)(f"/a/{closed}{path}")
        for closed in _closed(pressed, token)
        for path in ("", "/live")
        for verb in ("get", "post", "put", "delete", "options")
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [404] * GUESSES.times + [429] * (len(answers) - GUESSES.times)
    assert len({answer.content for answer in answers}) == 1
    differing = {"X-Request-Id"}
    assert len({str({k: v for k, v in a.headers.items() if k not in differing}) for a in answers}) == 1
    # Customers of one carrier share a client IP: guesses of one must not shut out another with a right token.
    assert Client().get(f"/a/{token}").status_code == 200


def test_an_expired_link_opens_nothing(phone: APIClient, pressed: str, token: str) -> None:
    unknown = Client().get("/a/" + "x" * 22)
    phone.post(f"{URL}{pressed}/resolve/")
    SosAlert.objects.update(ended_at=clock.now() - links.KEPT_AFTER_END)
    late = Client().get(f"/a/{token}")
    assert (late.status_code, late.content) == (404, unknown.content)


def test_each_alert_has_links_of_its_own(phone: APIClient, pressed: str, token: str) -> None:
    phone.post(f"{URL}{pressed}/resolve/")
    second = token_in(messages(phone.post(URL, {}, format="json").data["id"])[0])
    assert second != token
    assert "is safe" in text_of_page(token)
    assert "needs help" in text_of_page(second)


def test_a_right_token_takes_no_other_method(token: str) -> None:
    assert Client().post(f"/a/{token}").status_code == 405
    assert Client().head(f"/a/{token}").status_code == 200


@pytest.mark.parametrize("name", ['<script>alert(1)</script>"', "' onload=x", "{{ page }}", "Ana\u202e"])
def test_a_name_is_only_a_name(stranger: User, token: str, name: str) -> None:
    User.objects.exclude(id=stranger.id).update(first_name=name, last_name="")
    SosAlert.objects.update(address=name)
    html = Client().get(f"/a/{token}").content.decode()
    assert "<script>" not in html
    assert html.count("<script") == 1
    assert "&lt;script&gt;" in html or "<" not in name


def test_a_signed_in_phone_is_nothing_special(ana: User, token: str) -> None:
    answers = [client.get(f"/a/{token}").content for client in (app(ana), Client())]
    without_ages = {re.sub(rb'data-age="\d+">[^<]*', b"", answer) for answer in answers}
    assert len(without_ages) == 1


def test_another_number_for_emergencies_is_called(token: str) -> None:
    with override_settings(EMERGENCY_NUMBER="911"):
        assert 'href="tel:911"' in Client().get(f"/a/{token}").content.decode()
