"""A process that is given other DATA_KEYS than the rows were written with says so before an SOS depends on it."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from config import periodic
from identity.models import User
from messaging import lost_keys
from messaging.models import OperatorAlarm

NEW = "another-key-of-more-than-fifty-characters-0123456789-0123456789"

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> None:
    for number in ("+996700123400", "+996700123401"):
        User.objects.create(phone_number=number, first_name="Aida", language="en")


@pytest.mark.usefixtures("people")
def test_migrate_refuses_keys_that_cannot_read_the_rows(settings: Any) -> None:
    call_command("migrate", verbosity=0, skip_checks=False)
    settings.DATA_KEYS = [NEW]
    with pytest.raises(SystemCheckError, match="DATA_KEYS cannot read the rows of identity_user"):
        call_command("migrate", verbosity=0, skip_checks=False)


@pytest.mark.usefixtures("people")
def test_the_operator_is_alarmed(settings: Any) -> None:
    assert lost_keys.tables_without_keys() == []
    settings.DATA_KEYS = [NEW]
    periodic.run("find_lost_keys")
    alarm = OperatorAlarm.objects.get()
    assert (alarm.code, alarm.detail) == ("data_unreadable", {"table": "identity_user"})


@pytest.mark.usefixtures("people")
def test_any_key_of_the_ring_will_do(settings: Any) -> None:
    settings.DATA_KEYS = ["plain", NEW, *settings.DATA_KEYS]
    assert lost_keys.tables_without_keys() == []
