"""An account that presses, lets everything leave, cancels and presses again, as fast as it can."""

from uuid import UUID

from rest_framework.test import APIClient

from alerts.escalation import steps
from alerts.models import SosAlert
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Channel, Message, MessageClass
from messaging.states import State
from tests.alerts.conftest import app

URL = "/api/v1/sos-alerts/"
AT_ONCE = [{"channel": channel, "wait_s": 0, "contacts": []} for channel in ["voice", "sms"] * 3 + ["voice"]]


def person(number: str, *contacts: str, first_name: str = "Aida") -> User:
    user = User.objects.create(phone_number=number, first_name=first_name, last_name="Asanova", language="en")
    for order, contact in enumerate(contacts):
        EmergencyContact.objects.create(user=user, name="Mother", phone_number=contact, language="en", order=order)
    return user


def call_and_text_at_once(user: User) -> None:
    """Choose the policy that sends the most: four calls and three more SMS to everybody at once."""
    body = {"waves": AT_ONCE, "give_up_after_s": 60}
    assert app(user).put("/api/v1/me/escalation-policy/", body, format="json").status_code == 200


def press(phone: APIClient) -> SosAlert:
    answer = phone.post(URL, {}, format="json")
    assert answer.status_code == 201
    return SosAlert.objects.get(id=answer.data["id"])


def press_and_cancel(user: User, *, times: int) -> None:
    phone = app(user)
    for _ in range(times):
        alert = press(phone)
        steps.take_steps(now=clock.now())
        let_all_leave()
        assert phone.post(f"{URL}{alert.id}/cancel/").status_code == 200
        let_all_leave()


def let_all_leave() -> None:
    """Everything that is due, or waits for a text to join it, goes to the provider."""
    leaving = Message.objects.filter(state=State.QUEUED, due_at__lte=clock.now())
    leaving.update(state=State.SENT)
    Message.objects.filter(state=State.QUEUED, message_class=MessageClass.SAFETY).update(state=State.SENT)


def sent(number: str, channel: Channel, kind: MessageClass = MessageClass.EMERGENCY) -> int:
    found = Message.objects.filter(address=number, channel=channel, message_class=kind)
    return found.exclude(state__in=(State.FAILED, State.CANCELLED)).count()


def messages_of(alert_id: UUID, kind: str) -> list[Message]:
    found = Message.objects.filter(notification__alert=alert_id, notification__kind=kind)
    return list(found.order_by("id"))
