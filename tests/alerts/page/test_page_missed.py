"""The contacts' page of a missed check-in: its kind, the note that the person left, and the last heartbeat of the
phone."""

from datetime import timedelta

import pytest

from alerts.models import ActivityTimer, SosAlert
from alerts.timers import expiry
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import messages, token_in
from tests.alerts.page.reading import text_of_page
from tests.alerts.timers.running_out import armed, move, run_out

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def timer(ana: User, contacts: Contacts) -> str:
    contacts("Aida")
    return armed(ana, note="Ak-Sai trail, <alone>, blue jacket")


def page(path: str = "") -> str:
    expiry.check()
    return text_of_page(token_in(messages(str(SosAlert.objects.get().id))[0]), path)


def test_the_page_says_what_was_missed_and_the_note(ana: User, timer: str) -> None:
    move(ana, timer, "heartbeat", battery=12)
    run_out(timer)
    ActivityTimer.objects.update(ends_at=clock.now() - timedelta(minutes=5))
    ActivityTimer.objects.get().heartbeats.update(at=clock.now() - timedelta(hours=2))
    said = page()
    assert "Ana Asanova missed a check-in" in said
    assert said.strip().startswith("Ana Asanova missed a check-in Ana Asanova missed a check-in Alert raised")
    assert "SOS" not in said
    assert "did not say in time that all is well" in said
    assert "5 min ago" in said
    assert "Note: Ak-Sai trail, &lt;alone&gt;, blue jacket" in said
    assert "The phone last answered: 2 h ago. Phone battery: 12 %" in said
    app(ana).post("/api/v1/sos-alerts/", {}, format="json")
    pressed = page()
    assert pressed.strip().startswith("SOS: Ana Asanova Ana Asanova needs help")
    assert "Note: Ak-Sai trail" in pressed


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ky", "Таймер коюлгандан бери телефон байланышка чыккан жок."),
        ("ru", "С тех пор как таймер включён, телефон не выходил на связь."),
        ("en", "The phone has not been heard of since the timer was set."),
    ],
)
def test_a_phone_that_was_never_heard_of(timer: str, language: str, said: str) -> None:
    run_out(timer)
    assert said in page(f"?lang={language}")


def test_after_the_end_nothing_of_it_is_left(ana: User, timer: str) -> None:
    run_out(timer)
    expiry.check()
    alert = str(SosAlert.objects.get().id)
    token = token_in(messages(alert)[0])
    app(ana).post(f"/api/v1/sos-alerts/{alert}/resolve/")
    assert "Ak-Sai" not in text_of_page(token)
