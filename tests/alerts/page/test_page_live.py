"""Positions and recordings that come in while the alert goes on, on the page of a contact."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import AlertPosition, Evidence, SosAlert
from messaging.database import clock
from tests.alerts.evidence.files import jpeg

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _disk(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EVIDENCE_FREE_MB = 0
    settings.MAP_TILE_URL = "https://tile.example/{z}/{x}/{y}.png"


def page(token: str) -> str:
    return Client().get(f"/a/{token}").content.decode()


def fix(alert: str, seconds: float, **more: Any) -> None:
    now = clock.now()
    AlertPosition.objects.create(
        alert=SosAlert.objects.get(id=alert),
        latitude=42.9 + seconds / 100_000,
        longitude=74.6,
        at=now + timedelta(seconds=seconds),
        received_at=now,
        **more,
    )


def test_the_newest_position_is_shown_with_all_that_is_known_of_it(pressed: str, token: str) -> None:
    AlertPosition.objects.update(at=clock.now() - timedelta(hours=1))
    fix(pressed, -600, accuracy_m=12.4, battery_pct=43)
    fix(pressed, -1_200, accuracy_m=900.0, battery_pct=99)
    shown = page(token)
    assert "within 12 m" in shown
    assert "Phone battery: 43 %" in shown
    assert "42.89400, 74.60000" in shown
    assert "10 min ago</time>, within 12 m" in shown
    assert "<polyline" in shown


def test_unknown_details_are_left_out(pressed: str, token: str) -> None:
    fix(pressed, 1)
    shown = page(token)
    assert "within" not in shown
    assert "battery" not in shown


def test_an_empty_battery_is_known(pressed: str, token: str) -> None:
    fix(pressed, 1, battery_pct=0)
    assert "Phone battery: 0 %" in page(token)


def test_a_position_of_another_alert_is_not_shown(phone: APIClient, pressed: str, token: str) -> None:
    phone.post(f"{URL}{pressed}/resolve/")
    other = phone.post(URL, {}, format="json").data["id"]
    fix(other, -1, battery_pct=7)
    assert "battery" not in page(token)


def test_a_poll_sees_a_position_and_a_recording(phone: APIClient, pressed: str, token: str) -> None:
    seen = Client().get(f"/a/{token}/live")["ETag"]
    fix(pressed, 1)
    moved = Client().get(f"/a/{token}/live", headers={"If-None-Match": seen})
    assert moved.status_code == 200
    photograph(phone, pressed)
    assert Client().get(f"/a/{token}/live", headers={"If-None-Match": moved["ETag"]}).status_code == 200


def photograph(phone: APIClient, alert: str) -> Evidence:
    photo = SimpleUploadedFile("photo.jpg", jpeg(), content_type="image/jpeg")
    assert phone.post(f"{URL}{alert}/upload_photo/", {"photo": photo}, format="multipart").status_code == 201
    return Evidence.objects.get(alert=UUID(alert))


def test_a_recording_is_offered_and_opens_by_this_link_alone(
    phone: APIClient, pressed: str, token: str, tokens: list[str]
) -> None:
    kept = photograph(phone, pressed)
    assert f'href="/a/{token}/evidence/{kept.id}"' in page(token)
    assert f'href="/a/{tokens[1]}/evidence/{kept.id}"' in page(tokens[1])
    assert Client().get(f"/a/{token}/evidence/{kept.id}").status_code == 200
    nothing = Client().get("/a/" + "x" * 22)
    for path in (f"{token}/evidence/{uuid4()}", f"{'x' * 22}/evidence/{kept.id}", f"{token}/evidence/x"):
        answer = Client().get(f"/a/{path}")
        assert (answer.status_code, answer.content) == (404, nothing.content)


@pytest.mark.parametrize(
    ("kind", "element"), [("audio", "<audio controls preload"), ("video", "<video controls preload")]
)
def test_sound_and_video_play_on_the_page_and_load_nothing_by_themselves(
    phone: APIClient, pressed: str, token: str, kind: str, element: str
) -> None:
    kept = photograph(phone, pressed)
    Evidence.objects.update(kind=kind)
    shown = page(token)
    assert f'{element}="none" src="/a/{token}/evidence/{kept.id}"' in shown


def test_an_erased_recording_is_gone(phone: APIClient, pressed: str, token: str) -> None:
    photograph(phone, pressed)
    Evidence.objects.update(erased_at=clock.now())
    assert "evidence" not in page(token)
