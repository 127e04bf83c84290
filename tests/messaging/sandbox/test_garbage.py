"""The sandbox answers any input like Twilio or refuses it, and never breaks."""

import socket

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.sandbox import twiml
from messaging.sandbox.calls import read_call
from messaging.sandbox.drafts import read_draft
from messaging.sandbox.errors import TwilioError
from messaging.sandbox.listing import read_listing
from messaging.sandbox.rules import CHECKS, RuleError, read_rules
from tests.messaging.sandbox.conftest import ACCOUNT_SID, AUTH_TOKEN

AUTH = (ACCOUNT_SID, AUTH_TOKEN)
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
form_fields = st.sampled_from(["To", "From", "Body", "StatusCallback", "ValidityPeriod", "MessagingServiceSid"])
form_values = st.text(max_size=40) | st.sampled_from(["%2B996700000001", "http://[", "https://\\@h:x", "1"])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_a_form(form: bytes) -> None:
    with pytest.raises(TwilioError):
        read_draft(form)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(form_fields, form_values, max_size=6))
def test_any_values_in_a_form(fields: dict[str, str]) -> None:
    form = "&".join(f"{name}={value}" for name, value in fields.items())
    try:
        draft = read_draft(form.encode("utf-8", "surrogatepass"))
    except TwilioError:
        return
    assert draft.to == "+996700000001"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_a_call(form: bytes) -> None:
    with pytest.raises(TwilioError):
        read_call(form)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.text(st.sampled_from("<>/&;!-?[]Response Say'\"=x"), max_size=60))
def test_any_text_as_twiml(document: str) -> None:
    try:
        script = twiml.read(f"<Response>{document}</Response>")
    except TwilioError:
        return
    assert isinstance(script.lines, tuple)


@settings(max_examples=60, deadline=None)
@given(json_values | st.dictionaries(st.sampled_from(sorted(CHECKS)), json_values, max_size=5))
def test_any_json_as_a_rule(posted: object) -> None:
    try:
        rules = list(read_rules(posted))
    except RuleError:
        return
    assert rules


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["To", "Page", "PageSize", "PageToken", "DateSent>"]), st.text(max_size=12)))
def test_any_list_parameters(query: dict[str, str]) -> None:
    try:
        listing = read_listing(query)
    except TwilioError:
        return
    assert 1 <= listing.page_size <= 1000


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sandbox/",
        "/sandbox/phones.json",
        "/sandbox/behaviour",
        "/sandbox/arrivals.json?after=%F0%9F%98%80",
        "/sandbox/arrivals.json?after=" + "9" * 5000,
        "/2010-04-01/",
        f"{ACCOUNT}/Messages.json?To=%00&PageSize=%FF",
        f"{ACCOUNT}/Messages/%2e%2e%2f.json",
        f"{ACCOUNT}/Messages/.json",
        f"{ACCOUNT}/Calls.json",
        f"{ACCOUNT}/Calls.json?Status=%00&PageToken=PACA",
        f"{ACCOUNT}/Calls/%2e%2e%2f.json",
    ],
)
def test_any_method_on_any_path(url: str, method: str, path: str) -> None:
    answer = requests.request(method, url + path, data=b"\xff=%zz", auth=AUTH, timeout=5)
    assert answer.status_code < 500


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST " + b"/" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/sandbox/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /sandbox/ HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"POST " + ACCOUNT.encode() + b"/Messages.json HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\xfe\r\n\r\n",
        b"POST /sandbox/reset HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_raw_garbage_gets_a_4xx(url: str, raw: bytes) -> None:
    port = int(url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(raw)
        assert connection.recv(100).split()[1].startswith(b"4")
