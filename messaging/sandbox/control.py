"""A client for a sandbox in another process: reads the messages that arrived and posts rules. It retries nothing."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests

REQUEST_TIMEOUT_S = 10
POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One accepted message or call; the `body` of a call is its spoken text.

    `at` is the Unix time at which the request arrived, by the sandbox's clock. `validity_s` is its ValidityPeriod.
    """

    at: float
    to: str
    segments: int
    body: str
    sid: str
    validity_s: int | None


class SandboxControl:
    """A client for a sandbox at a URL. A method raises requests.HTTPError for a response of 400 or above."""

    def __init__(self, url: str, account_sid: str, auth_token: str) -> None:
        self._url = url
        self._account_path = f"/2010-04-01/Accounts/{account_sid}"
        self._session = requests.Session()
        self._session.auth = (account_sid, auth_token)
        # Do not use a proxy that the environment names: the sandbox is on this machine.
        self._session.trust_env = False

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        """All message resources as Twilio lists them, newest first."""
        return self._list("Messages", "messages", to)

    def calls(self, to: str | None = None) -> list[dict[str, Any]]:
        """All call resources, newest first."""
        return self._list("Calls", "calls", to)

    def _list(self, name: str, key: str, to: str | None) -> list[dict[str, Any]]:
        query = {"PageSize": "1000"} | ({"To": to} if to else {})
        page = self._call("GET", f"{self._account_path}/{name}.json", params=query)
        found: list[dict[str, Any]] = page[key]
        while page["next_page_uri"]:
            page = self._call("GET", page["next_page_uri"])
            found += page[key]
        return found

    def arrivals(self) -> list[Arrival]:
        """All messages and calls that the sandbox still keeps, in order of arrival."""
        found: list[Arrival] = []
        after: int | None = 0
        while after is not None:
            page = self._call("GET", "/sandbox/arrivals.json", params={"after": str(after)})
            found += [Arrival(**arrival) for arrival in page["arrivals"]]
            after = page["next"]
        return found

    def wait_for(self, to: str, count: int, timeout_s: float) -> list[dict[str, Any]]:
        """Wait until a phone number has at least `count` messages; return all of them, newest first.

        Raises TimeoutError after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while len(found := self.messages(to)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} messages arrived in {timeout_s} s")
            time.sleep(POLL_S)
        return found

    def behave(self, **script: Any) -> None:
        """Add a rule with the fields of messaging/sandbox/rules.py. Raises ValueError if the sandbox refuses it."""
        response = self._session.post(urljoin(self._url, "/sandbox/behaviour"), json=script, timeout=REQUEST_TIMEOUT_S)
        if response.status_code == 400:
            raise ValueError(response.json()["error"])
        response.raise_for_status()

    def clear_behaviour(self) -> None:
        self._call("DELETE", "/sandbox/behaviour")

    def reset(self) -> None:
        """Delete the sandbox's messages, rules, callbacks that are not posted yet, and counts."""
        self._call("POST", "/sandbox/reset")

    def stats(self) -> dict[str, Any]:
        """`{"messages": n, "callbacks": {"posted", "failed", "refused", "dropped", "waiting"}}`."""
        return self._call("GET", "/sandbox/stats.json")

    def _call(self, method: str, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        response = self._session.request(method, urljoin(self._url, path), params=params, timeout=REQUEST_TIMEOUT_S)
        response.raise_for_status()
        body: dict[str, Any] = response.json()
        return body
