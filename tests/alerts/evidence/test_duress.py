"""Under duress evidence is kept, and every response about it is that of a cancelled alert."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from alerts.evidence import limits, retention
from alerts.models import AlertStatus, Evidence, FeignedEnd, SosAlert
from alerts.sos import closing, duress
from identity.models import User
from messaging.database import clock
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import URL, Send, on_disk

VOLATILE = ("id", "url", "audio_url", "added_at")

pytestmark = pytest.mark.django_db


def end(alert: str, ana: User, *, feigned: bool) -> None:
    with transaction.atomic():
        how = duress.feign_end if feigned else closing.close
        how(alert_id=UUID(alert), owner=ana, to=AlertStatus.CANCELLED, now=clock.now())


def seen(answer: Any) -> Any:
    body = answer.json()
    shown = body if isinstance(body, list) else [body]
    return answer.status_code, [{name: one[name] for name in one if name not in VOLATILE} for one in shown]


def test_every_answer_is_that_of_a_cancelled_alert(send: Send, phone: APIClient, alert: str, ana: User) -> None:
    answers = []
    for feigned in (False, True):
        current = alert if not feigned else str(phone.post(URL, {}, format="json").data["id"])
        send(files.ogg(), to=current)
        end(current, ana, feigned=feigned)
        one = [send(files.wav(), to=current), send(files.wav(), to=current), send(b"x", to=current)]
        one.append(phone.get(f"{URL}{current}/evidence/"))
        past = clock.now() - limits.LATE_UPLOADS_FOR
        SosAlert.objects.filter(id=current, ended_at__isnull=False).update(ended_at=past)
        FeignedEnd.objects.filter(alert_id=UUID(current)).update(at=past)
        one.append(send(files.flac(), to=current))
        one.append(phone.get(f"{URL}{current}/evidence/"))
        answers.append([seen(answer) for answer in one])
    assert answers[0] == answers[1]
    assert [code for code, _ in answers[1]] == [201, 200, 415, 200, 409, 200]


def test_it_is_kept_for_the_contacts_and_longer_than_it_is_shown(
    send: Send, phone: APIClient, alert: str, token: str, ana: User, media: Path
) -> None:
    end(alert, ana, feigned=True)
    assert send(files.wav()).status_code == 201
    later = clock.now() + timedelta(days=366)
    retention.purge(now=later)
    assert len(on_disk(media)) == 1
    evidence = Evidence.objects.get()
    assert Client().get(f"/a/{token}/evidence/{evidence.id}").getvalue()
    assert not retention.shown_to_owner(SosAlert.objects.get(), now=later).exists()
