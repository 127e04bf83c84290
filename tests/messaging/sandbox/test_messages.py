"""Creating, listing and fetching messages with the real SDK."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from deploy.local.processes import wait_until
from messaging.sandbox.control import SandboxControl
from tests.messaging.sandbox.conftest import ACCOUNT_SID, AUTH_TOKEN, client_for

ANA, BEN = "+996700000001", "+996700000002"
PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"


def post(url: str, **fields: str) -> requests.Response:
    return requests.post(url + PATH, data=fields, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5)


def test_create_answers_twilios_full_resource(url: str) -> None:
    answer = post(url, To=ANA, From="AlertMe", Body="Нужна помощь: " + "й" * 80)
    assert answer.status_code == 201
    message = answer.json()
    created = message.pop("date_created")
    sid = message["sid"]
    assert sid.startswith("SM")
    assert len(sid) == 34
    assert datetime.strptime(created, "%a, %d %b %Y %H:%M:%S %z") > datetime.now(UTC) - timedelta(seconds=9)
    uri = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}"
    assert message == {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "body": "Нужна помощь: " + "й" * 80,
        "date_sent": None,
        "date_updated": created,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": "AlertMe",
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "2",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": ANA,
        "uri": f"{uri}.json",
    }


def test_the_sdk_creates_and_fetches(twilio: Client) -> None:
    made = twilio.messages.create(to=ANA, from_="+15005550006", body="Hello", validity_period=60)
    found = twilio.messages(made.sid).fetch()
    assert (found.sid, found.to, found.from_, found.body) == (made.sid, ANA, "+15005550006", "Hello")
    assert found.num_segments == "1"
    assert found.date_created is not None


def test_the_async_sdk_creates_and_lists(url: str) -> None:
    async def talk() -> list[Any]:
        async with AsyncTwilioHttpClient() as http:
            client = client_for(url, http_client=http)
            await asyncio.gather(*(client.messages.create_async(to=ANA, from_="A", body=f"n{n}") for n in range(5)))
            return list(await client.messages.list_async(to=ANA))

    assert sorted(message.body for message in asyncio.run(talk())) == ["n0", "n1", "n2", "n3", "n4"]


def test_a_messaging_service_accepts_before_it_has_a_sender(twilio: Client) -> None:
    made = twilio.messages.create(to=ANA, messaging_service_sid="MG" + "1" * 32, body="Hello")
    assert (made.status, made.from_, made.num_segments) == ("accepted", None, "0")


def test_a_message_is_sent_and_delivered_in_time(twilio: Client, control: SandboxControl) -> None:
    control.behave(callback_delay_ms=[0, 100])
    sid = twilio.messages.create(to=ANA, from_="A", body="Hello").sid
    assert twilio.messages(sid).fetch().status == "sent"
    assert wait_until(lambda: twilio.messages(sid).fetch().status == "delivered", timeout_s=3, every_s=0.01)
    assert twilio.messages(sid).fetch().date_sent is not None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "0700123456"}, 21211),
        ({"To": "+996700000001\n"}, 21211),
        ({"To": "+٩٩٦٧٠٠٠٠٠٠٠١"}, 21211),
        ({"From": ""}, 21603),
        ({"From": "<script>"}, 21212),
        ({"From": "", "MessagingServiceSid": "nonsense"}, 21701),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"StatusCallback": "ftp://127.0.0.1/"}, 21609),
        ({"StatusCallback": "http://under_score.example/"}, 21609),
        ({"StatusCallback": "http://[::1/"}, 21609),
        ({"StatusCallback": "http://127.0.0.1:99999/"}, 21609),
        ({"StatusCallback": "/relative"}, 21609),
        ({"ValidityPeriod": "0"}, 20001),
        ({"ValidityPeriod": "9" * 5000}, 20001),
        ({f"Extra{n}": "x" for n in range(120)}, 20001),
    ],
)
def test_refusals_carry_twilios_code(url: str, fields: dict[str, str], code: int) -> None:
    answer = post(url, **{"To": ANA, "From": "AlertMe", "Body": "Hello"} | fields)
    assert answer.status_code == 400
    refusal = answer.json()
    assert refusal.keys() == {"code", "message", "more_info", "status"}
    assert (refusal["code"], refusal["status"]) == (code, 400)
    assert refusal["more_info"] == f"https://www.twilio.com/docs/errors/{code}"


def test_1600_characters_are_taken(url: str) -> None:
    assert post(url, To=ANA, From="AlertMe", Body="й" * 1600).status_code == 201


def test_a_wrong_password_is_401(url: str) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client_for(url, token="wrong").messages.create(to=ANA, from_="A", body="Hello")
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_another_account_and_another_sid_are_404(url: str, twilio: Client) -> None:
    other = requests.post(url + PATH.replace("AC0", "AC1"), data={}, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5)
    assert (other.status_code, other.json()["code"]) == (404, 20404)
    with pytest.raises(TwilioRestException) as missing:
        twilio.messages("SM" + "0" * 32).fetch()
    assert (missing.value.status, missing.value.code) == (404, 20404)


def test_a_body_over_64_kib_is_413(url: str) -> None:
    assert post(url, To=ANA, From="AlertMe", Body="x" * 70_000).status_code == 413


def test_lists_are_newest_first_and_filtered(twilio: Client) -> None:
    for number, to in enumerate([ANA, BEN, ANA]):
        twilio.messages.create(to=to, from_="A" if number else "Other", body=str(number))
    assert [message.body for message in twilio.messages.list()] == ["2", "1", "0"]
    assert [message.body for message in twilio.messages.list(to=ANA)] == ["2", "0"]
    assert [message.body for message in twilio.messages.list(to=ANA, from_="A")] == ["2"]
    assert twilio.messages.list(to="+996799999999") == []


def test_dates_are_compared_by_day(twilio: Client) -> None:
    twilio.messages.create(to=ANA, from_="A", body="Hello")
    today = datetime.now(UTC)
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    assert len(twilio.messages.list(date_sent=date(today.year, today.month, today.day))) == 1
    assert len(twilio.messages.list(date_sent_after=yesterday, date_sent_before=tomorrow)) == 1
    assert twilio.messages.list(date_sent_before=yesterday) == []
    assert twilio.messages.list(date_sent_after=tomorrow) == []


def test_paging_misses_and_repeats_nothing_while_messages_arrive(twilio: Client) -> None:
    for number in range(7):
        twilio.messages.create(to=ANA, from_="A", body=str(number))
    page, seen = twilio.messages.page(to=ANA, page_size=3), []
    while page is not None:
        seen += [message.body for message in page]
        twilio.messages.create(to=ANA, from_="A", body="late")
        page = page.next_page()
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_the_page_envelope(url: str, twilio: Client) -> None:
    for number in range(3):
        twilio.messages.create(to=ANA, from_="A", body=str(number))
    query = {"To": ANA, "PageSize": "2"}
    first = requests.get(url + PATH, params=query, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5).json()
    assert (first["page"], first["page_size"], first["start"], first["end"]) == (0, 2, 0, 1)
    assert first["previous_page_uri"] is None
    assert first["first_page_uri"] == f"{PATH}?To=%2B996700000001&PageSize=2&Page=0"
    second = requests.get(url + first["next_page_uri"], auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5).json()
    assert (second["page"], second["start"], second["end"], second["next_page_uri"]) == (1, 2, 2, None)
    assert [message["body"] for message in second["messages"]] == ["0"]


@pytest.mark.parametrize(
    "query", [{"PageSize": "x"}, {"Page": "-1"}, {"PageToken": "PASMnope"}, {"DateSent": "tomorrow"}]
)
def test_bad_list_parameters_are_400(url: str, query: dict[str, str]) -> None:
    answer = requests.get(url + PATH, params=query, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5)
    assert answer.status_code == 400
