"""The engine against a real PostgreSQL, and a Twilio-compatible server in a thread."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from messaging.delivery.courier import Courier
from messaging.models import Deliverer, Sender
from messaging.sandbox.control import SandboxControl
from messaging.sandbox.server import SandboxConfig, SandboxThread
from tests.mailbox import Mailbox
from tests.messaging.engine import set_pace
from tests.messaging.wire import Wire, serve


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxThread]:
    sid, token = django_settings.TWILIO_ACCOUNT_SID, django_settings.TWILIO_AUTH_TOKEN
    with SandboxThread(SandboxConfig(account_sid=sid, auth_token=token)) as running:
        yield running


@pytest.fixture
def phones(sandbox: SandboxThread, settings: Any) -> Iterator[SandboxControl]:
    """The phones of the sandbox, which the engine takes for its provider. Its callbacks go to a closed port."""
    settings.TWILIO_API_BASE_URL = sandbox.url
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:1"
    control = SandboxControl(sandbox.url, settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)
    yield control
    control.reset()


@pytest.fixture
def unpaced(transactional_db: None) -> Sender:
    Sender.objects.update(segments_per_second=0)
    return set_pace(0)


@pytest.fixture
def make_courier(unpaced: Sender, phones: SandboxControl) -> Iterator[Callable[[], Courier]]:
    """Make a courier in the test, after the settings that the test changes."""
    made: list[Courier] = []

    def make() -> Courier:
        made.append(Courier(by=Deliverer.WORKER))
        return made[-1]

    yield make
    for courier in made:
        courier.close()


@pytest.fixture
def courier(make_courier: Callable[[], Courier]) -> Courier:
    return make_courier()


@pytest.fixture
def wire(phones: SandboxControl, settings: Any) -> Iterator[Wire]:
    """A provider in place of the sandbox that answers as the test says, well or badly."""
    with serve() as running:
        settings.TWILIO_API_BASE_URL = running.url
        yield running


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    running = Mailbox()
    running.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
    yield running
    running.stop()
