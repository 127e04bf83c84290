"""The contacts' page as a contact sees it: on a phone and a desktop, with and without JavaScript, in three
languages."""

import pytest
from django.db import transaction
from playwright.sync_api import Request, ViewportSize, expect

from alerts.models import AlertPosition, AlertStatus, Answer, SosAlert
from alerts.positions.track import Position
from alerts.sos import closing
from alerts.sos.raising import Cause, raise_alerts
from identity.models import EmergencyContact, User
from messaging.database import clock
from tests.alerts.engine import messages, token_in
from tests.browser.conftest import DESKTOP, PHONE, Open, photograph
from tests.browser.looks import LANGUAGES, fits, serious

POLL_MS = 10_000

# Runs before any script of the page and collects what its content security policy refuses.
_COLLECT = """window.refused = [];
document.addEventListener("securitypolicyviolation", (e) => refused.push(`${e.violatedDirective} ${e.blockedURI}`));"""


@pytest.fixture
def alert(transactional_db: None) -> SosAlert:
    owner = User.objects.create(phone_number="+996555123456", first_name="Айнура", last_name="Осмонова")
    for place, (name, language) in enumerate((("Бакыт", "ky"), ("Елена", "ru"))):
        EmergencyContact.objects.create(
            user=owner, name=name, phone_number=f"+99670010000{place}", language=language, order=place
        )
    with transaction.atomic():
        here = Position(latitude=42.8746, longitude=74.5698)
        [raised] = raise_alerts([Cause(owner=owner, place=here, address="Чүй проспектиси 1")], now=clock.now())
    return raised.alert


@pytest.fixture
def path(alert: SosAlert) -> str:
    return f"/a/{token_in(messages(str(alert.id))[0])}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("device", "viewport"), [("phone", PHONE), ("desktop", DESKTOP)])
def test_it_is_whole_and_accessible(
    open_page: Open, path: str, language: str, device: str, viewport: ViewportSize
) -> None:
    page = open_page(f"{path}?lang={language}", viewport=viewport, before=_COLLECT)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Айнура Осмонова")
    photograph(page, f"{device}-{language}")
    assert fits(page)
    assert serious(page) == []
    assert page.evaluate("refused") == []
    for target in page.locator("a, button").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 40, target.inner_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_javascript_it_is_whole_and_loads_itself_again(open_page: Open, path: str, language: str) -> None:
    page = open_page(f"{path}?lang={language}", java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Айнура Осмонова")
    expect(page.locator("a[href^='tel:']")).to_have_count(2)
    expect(page.locator(".maps a")).to_have_count(4)
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "60"
    photograph(page, f"phone-{language}-without-javascript")


def test_in_the_dark_it_is_as_readable(open_page: Open, path: str) -> None:
    page = open_page(path, color_scheme="dark")
    photograph(page, "phone-dark")
    assert serious(page) == []


def test_the_map_stands_under_its_mark_and_tells_nobody_which_page_it_is(open_page: Open, path: str) -> None:
    asked: list[Request] = []
    page = open_page(path, watch=lambda request: asked.append(request))
    expect(page.locator(".tiles img")).to_have_count(6)
    page.wait_for_function("[...document.querySelectorAll('.tiles img')].every((tile) => tile.naturalWidth)")
    expect(page.locator(".tiles img:not([hidden])")).to_have_count(6)
    tiles = [request for request in asked if "tile.example" in request.url]
    assert {request.headers.get("referer", "") for request in tiles} == {page.url.split("/a/")[0] + "/"}
    centre = page.evaluate(
        "(() => { const m = document.querySelector('.map').getBoundingClientRect(),"
        " h = document.querySelector('.here').getBoundingClientRect();"
        " return [h.x + h.width / 2 - m.x - m.width / 2, h.y + h.height / 2 - m.y - m.height / 2]; })()"
    )
    assert all(abs(off) <= 12 for off in centre), centre


def test_where_tiles_do_not_load_it_says_so_and_the_links_remain(open_page: Open, path: str) -> None:
    page = open_page(f"{path}?lang=en", tiles=False)
    expect(page.get_by_text("The map does not load here.")).to_be_visible()
    expect(page.locator(".tiles img").first).to_be_hidden()
    expect(page.get_by_role("link", name="2GIS")).to_be_visible()
    photograph(page, "phone-en-without-tiles")


def test_it_follows_the_alert_without_being_loaded_again(open_page: Open, path: str, alert: SosAlert) -> None:
    page = open_page(f"{path}?lang=en", frozen_clock=True)
    page.evaluate("window.kept = true")
    page.locator("#map2").focus()
    with page.expect_response(lambda answer: answer.url.endswith("/live?lang=en")) as unchanged:
        page.clock.run_for(POLL_MS)
    assert unchanged.value.status == 304
    AlertPosition.objects.filter(alert=alert).update(latitude=42.9, longitude=74.6)
    page.clock.run_for(POLL_MS)
    expect(page.get_by_text("42.90000, 74.60000")).to_be_visible()
    expect(page.locator("#map2")).to_be_focused()
    with transaction.atomic():
        closing.close(alert_id=alert.id, owner=alert.owner, to=AlertStatus.RESOLVED, now=clock.now())
    page.clock.run_for(POLL_MS)
    expect(page.get_by_role("heading", level=1)).to_have_text("Айнура Осмонова is safe")
    expect(page.locator("a[href='tel:112']")).to_have_count(0)
    assert page.evaluate("window.kept")
    photograph(page, "phone-en-ended")


def test_ages_count_on_between_polls(open_page: Open, path: str) -> None:
    page = open_page(f"{path}?lang=en", frozen_clock=True)
    expect(page.locator("header time")).to_have_text("just now")
    page.clock.run_for(65_000)
    expect(page.locator("header time")).to_have_text("1 min ago")


def test_a_lost_connection_is_said_and_forgotten_when_it_is_back(open_page: Open, path: str) -> None:
    page = open_page(f"{path}?lang=en", frozen_clock=True)
    page.context.set_offline(True)
    for _ in range(3):
        page.clock.run_for(POLL_MS * 4)
    expect(page.get_by_text("No connection: this may be out of date.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("No connection: this may be out of date.")).to_be_hidden()


def test_the_keyboard_reaches_everything_in_order(open_page: Open, path: str) -> None:
    page = open_page(f"{path}?lang=en", viewport=DESKTOP)
    reached = []
    for _ in range(page.locator("a, button").count()):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[:4] == ["coming", "cannot", "tel:+996555123456", "tel:112"]
    assert reached[-4:] == ["?lang=ky", "?lang=ru", "?lang=en", f"{path}/contact?lang=en"]
    assert len(set(reached)) == len(reached)


def test_a_link_that_opens_nothing_says_so_in_three_languages(open_page: Open, transactional_db: None) -> None:
    page = open_page("/a/" + "x" * 22)
    for language in ("ky", "ru"):
        expect(page.locator(f"p[lang={language}]")).to_be_visible()
    assert fits(page)
    assert serious(page) == []
    photograph(page, "phone-nothing")


def test_declining_takes_two_presses_and_no_javascript(open_page: Open, path: str) -> None:
    page = open_page(f"{path}?lang=ru", java_script_enabled=False)
    page.locator("footer p a").first.click()
    photograph(page, "phone-ru-choices")
    page.locator("#decline").click()
    expect(page.get_by_role("status")).to_contain_text("Вы больше не экстренный контакт")
    photograph(page, "phone-ru-declined")
    assert EmergencyContact.objects.exclude(declined_at=None).count() == 1
    page.locator("#accept").click()
    expect(page.locator("#decline")).to_be_visible()
    assert not EmergencyContact.objects.exclude(declined_at=None).exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_choices_are_accessible(open_page: Open, path: str, language: str) -> None:
    page = open_page(f"{path}/contact?lang={language}", before=_COLLECT)
    assert fits(page)
    assert serious(page) == []
    assert page.evaluate("refused") == []


@pytest.mark.parametrize("javascript", [True, False])
def test_answering_takes_one_press(open_page: Open, path: str, javascript: bool) -> None:
    page = open_page(f"{path}?lang=ky", java_script_enabled=javascript)
    page.locator("#coming").click()
    expect(page.get_by_text("Сиз «Жардамга баратам» деп жооп бердиңиз.")).to_be_visible()
    photograph(page, f"phone-ky-coming{'' if javascript else '-without-javascript'}")
    page.locator("#cannot").press("Enter")
    expect(page.get_by_text("Сиз «Келе албайм» деп жооп бердиңиз.")).to_be_visible()
    assert Answer.objects.get().kind == "declined"


def test_who_answers_is_seen_by_the_others_and_their_focus_stays(open_page: Open, path: str, alert: SosAlert) -> None:
    page = open_page(f"{path}?lang=en", frozen_clock=True)
    page.locator("#cannot").focus()
    other = token_in(messages(str(alert.id))[1])
    open_page(f"/a/{other}").locator("#coming").click()
    page.clock.run_for(POLL_MS)
    expect(page.get_by_text("On the way: Елена")).to_be_visible()
    expect(page.locator("#cannot")).to_be_focused()
