"""The page of phones: its texts are escaped, it works without scripts, and it is closed to other web sites."""

import pytest
import requests
from twilio.rest import Client

from messaging.sandbox.control import SandboxControl

ANA, BEN = "+996700000001", "+996700000002"


def page(url: str, path: str = "", **options: dict[str, str]) -> requests.Response:
    return requests.get(f"{url}/sandbox/{path}", timeout=5, **options)  # type: ignore[arg-type]


def test_the_empty_page_says_what_it_is(url: str) -> None:
    assert "No messages yet" in page(url).text
    assert 'class="empty" aria-labelledby="empty-title" >' in page(url).text


def test_messages_are_shown_without_scripts_newest_phone_first(
    url: str, twilio: Client, control: SandboxControl
) -> None:
    control.behave(callback_delay_ms=0)
    control.behave(to=BEN, final="undelivered", error_code=30003)
    twilio.messages.create(to=BEN, from_="AlertMe", body="Помогите " * 9)
    twilio.messages.create(to=ANA, from_="AlertMe", body="See https://a.kg/a/x?y=1&z=2, please")
    text = page(url).text
    assert text.index(ANA) < text.index(BEN)
    assert "refused (30003)" in text
    assert "2 segments" in text
    assert '<a href="https://a.kg/a/x?y=1&amp;z=2" target="_blank" rel="noopener noreferrer">' in text
    assert 'aria-labelledby="empty-title" hidden>' in text


def test_markup_in_a_message_stays_text(url: str, twilio: Client) -> None:
    attack = '<script>alert(1)</script>"><img src=x onerror=alert(1)> https://x/"onmouseover=alert(1) $phones'
    twilio.messages.create(to=ANA, from_="AlertMe", body=attack)
    text = page(url).text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert '"onmouseover' not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_nothing_inline_and_a_strict_policy(url: str) -> None:
    answer = page(url)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert answer.text.count("<script") == answer.text.count('<script src="/sandbox/static/')
    for name in ("page.js", "page.css", "icon.svg"):
        assert page(url, f"static/{name}").status_code == 200


@pytest.mark.parametrize("path", ["static/page.html", "static/../server.py", "static/%2e%2e/server.py", "x"])
def test_other_files_are_not_served(url: str, path: str) -> None:
    assert page(url, path).status_code == 404


def test_polling_tells_only_what_changed(url: str, twilio: Client, control: SandboxControl) -> None:
    control.behave(callback_delay_ms=0)
    twilio.messages.create(to=ANA, from_="AlertMe", body="one")
    first = page(url, "phones.json").json()
    assert [phone["number"] for phone in first["phones"]] == [ANA]
    assert first["phones"][0]["bubbles"][0]["status"] == "delivered"
    cursor = {"since": str(first["now"]), "epoch": first["epoch"]}
    assert page(url, "phones.json", params=cursor).json()["phones"] == []
    twilio.messages.create(to=BEN, from_="AlertMe", body="two")
    second = page(url, "phones.json", params=cursor).json()
    assert [phone["number"] for phone in second["phones"]] == [BEN]
    assert second["numbers"] == [BEN, ANA]
    control.reset()
    third = page(url, "phones.json", params=cursor).json()
    assert (third["numbers"], third["epoch"] == first["epoch"]) == ([], False)


@pytest.mark.parametrize("since", ["", "x", "nan", "inf", "1e999", "-5"])
def test_a_strange_cursor_is_harmless(url: str, since: str) -> None:
    assert page(url, "phones.json", params={"since": since}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[", "", "127.0.0.1.evil:80"])
def test_a_foreign_host_name_reads_nothing(url: str, host: str) -> None:
    for path in ("", "phones.json"):
        assert page(url, path, headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:80"])
def test_this_machines_names_are_answered(url: str, host: str) -> None:
    assert page(url, headers={"Host": host}).status_code == 200


def test_the_root_leads_to_the_page(url: str) -> None:
    assert requests.get(url, timeout=5).url == f"{url}/sandbox/"
