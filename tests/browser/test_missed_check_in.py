"""The contacts' page of a missed check-in, as a contact sees it."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from alerts.models import SosAlert
from alerts.timers import expiry
from identity.models import EmergencyContact, User
from tests.alerts.engine import messages, token_in
from tests.alerts.timers.running_out import armed, move, run_out
from tests.browser.conftest import Open, photograph
from tests.browser.looks import LANGUAGES, fits, serious

NOTE = "Ала-Арча, жол боюнча Рацек, көк курма, Ak-Sai trail until the refuge at 3,400 m"


@pytest.fixture
def path(transactional_db: None) -> str:
    owner = User.objects.create(phone_number="+996555123456", first_name="Айнура", last_name="Осмонова")
    EmergencyContact.objects.create(user=owner, name="Бакыт", phone_number="+996700100000", language="ky", order=0)
    timer = armed(owner, note=NOTE, place="Ала-Арча")
    move(owner, timer, "heartbeat", battery=12, latitude=42.65, longitude=74.48)
    run_out(timer, ago=timedelta(minutes=5))
    expiry.check()
    return f"/a/{token_in(messages(str(SosAlert.objects.get().id))[0])}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_it_is_whole_and_accessible(open_page: Open, path: str, language: str, has_scripts: bool) -> None:
    page = open_page(f"{path}?lang={language}", java_script_enabled=has_scripts)
    expect(page.get_by_role("main")).to_contain_text(NOTE)
    photograph(page, f"phone-{language}-missed{'' if has_scripts else '-without-javascript'}")
    if has_scripts:
        assert fits(page)
        assert serious(page) == []
