"""The recordings on the contacts' page."""

import re

import pytest
from django.test import Client

from alerts.models import Evidence, SosAlert
from alerts.page import content
from messaging.database import clock
from tests.alerts.evidence import files
from tests.alerts.evidence.conftest import Send

pytestmark = pytest.mark.django_db

FILES = re.compile(r'(?:src|href)="(/a/[\w-]{22}/evidence/[0-9a-f-]{36})"')


def test_a_contact_hears_and_sees_what_was_sent(send: Send, pressed: str, token: str) -> None:
    before = Client().get(f"/a/{token}/live")
    assert not FILES.findall(before.content.decode())
    for file, kind in ((files.wav(), "audio"), (files.mp4(b"vide"), "video"), (files.jpeg(), "photo")):
        send(file, kind)
    after = Client().get(f"/a/{token}/live", headers={"If-None-Match": before["ETag"]})
    assert after.status_code == 200
    html = after.content.decode()
    assert re.search(r'<audio controls preload="none" src="', html)
    assert re.search(r'<video controls preload="none" src="', html)
    assert "Recordings and photos" in html
    newest = [b"".join(Client().get(path).streaming_content) for path in dict.fromkeys(FILES.findall(html))]  # type: ignore[attr-defined]
    assert newest == [files.jpeg(), files.mp4(b"vide"), files.wav()]
    assert not re.search(r"\sstyle=|\son\w+=", html)


@pytest.mark.parametrize(("language", "said"), [("ky", "Үн жазуусу"), ("ru", "Аудиозапись")])
def test_it_says_so_in_their_language(send: Send, pressed: str, token: str, language: str, said: str) -> None:
    send(files.wav())
    html = Client().get(f"/a/{token}/live?lang={language}").content.decode()
    assert said in html
    section = re.sub(r"<[^>]+>", "", html.partition('data-part="recordings">')[2])
    assert re.search("0[.,]1 МБ", section)
    assert not re.findall(r"[A-Za-z]{3,}", section), section


def test_erased_recordings_are_not_offered_and_the_list_is_limited(send: Send, pressed: str, token: str) -> None:
    send(files.wav())
    Evidence.objects.update(erased_at=clock.now())
    assert not FILES.findall(Client().get(f"/a/{token}").content.decode())
    now, alert = clock.now(), SosAlert.objects.get()
    Evidence.objects.bulk_create(
        Evidence(alert=alert, kind="audio", media_type="audio/wav", size=1, sha256=f"{n}", name=f"{n}", added_at=now)
        for n in range(100)
    )
    shown = Client().get(f"/a/{token}").content.decode()
    assert len(set(FILES.findall(shown))) == content.RECORDINGS
