"""What both peers do for a message: one create with Twilio's SDK, as its documentation shows it. They keep no record
of it, so theirs is the smaller work."""

import os
from functools import cache
from typing import Any

from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

# The pace the peer has to keep, in messages a second; 0 for none.
PACE = int(os.environ.get("BENCH_PACE", "0"))
# Nothing an earlier run left behind is found under these names.
ROUTINE, EMERGENCY = (f"{os.environ.get('BENCH_RUN', '')}-{name}" for name in ("messages", "emergency"))
TIMEOUT_S = 13


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's client on `requests`, with a connection for each thread."""

    def __init__(self) -> None:
        super().__init__(timeout=TIMEOUT_S)
        self.session.mount("http://", HTTPAdapter(pool_maxsize=100))

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        url = url.replace("https://api.twilio.com", os.environ["TWILIO_API_BASE_URL"], 1)
        return super().request(method, url, *args, **kwargs)


@cache
def client() -> Client:
    account, token = os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"]
    return Client(account, token, http_client=_HttpClient())


def send(to: str, body: str) -> None:
    client().messages.create(to=to, from_=os.environ["TWILIO_PHONE_NUMBER"], body=body)
