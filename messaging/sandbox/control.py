"""A client for the sandbox in another process: read what arrived, script how it behaves. Retries nothing."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests

REQUEST_TIMEOUT_S = 10
POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One accepted message, or a call, whose body is what is said; `at` is the Unix time its request arrived, by the
    sandbox's clock, `validity_s` its ValidityPeriod."""

    at: float
    to: str
    segments: int
    body: str
    sid: str
    validity_s: int | None


class SandboxControl:
    """Every call raises requests.HTTPError for an answer that is not 2xx."""

    def __init__(self, url: str, account_sid: str, auth_token: str) -> None:
        self._url = url
        self._account_path = f"/2010-04-01/Accounts/{account_sid}"
        self._session = requests.Session()
        self._session.auth = (account_sid, auth_token)
        # A proxy of the environment must not come between tests and loopback.
        self._session.trust_env = False

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        """Message resources as Twilio lists them, newest first; all pages."""
        return self._list("Messages", "messages", to)

    def calls(self, to: str | None = None) -> list[dict[str, Any]]:
        """Call resources, the same way."""
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
        """Everything the sandbox still keeps, in order of arrival."""
        found: list[Arrival] = []
        after: int | None = 0
        while after is not None:
            page = self._call("GET", "/sandbox/arrivals.json", params={"after": str(after)})
            found += [Arrival(**arrival) for arrival in page["arrivals"]]
            after = page["next"]
        return found

    def wait_for(self, to: str, count: int, timeout_s: float) -> list[dict[str, Any]]:
        """The messages to a number, newest first, once there are `count`; raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.messages(to)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} messages arrived in {timeout_s} s")
            time.sleep(POLL_S)
        return found

    def behave(self, **script: Any) -> None:
        """Add a rule; its fields are those of messaging/sandbox/rules.py. Raises ValueError if refused."""
        answer = self._session.post(urljoin(self._url, "/sandbox/behaviour"), json=script, timeout=REQUEST_TIMEOUT_S)
        if answer.status_code == 400:
            raise ValueError(answer.json()["error"])
        answer.raise_for_status()

    def clear_behaviour(self) -> None:
        self._call("DELETE", "/sandbox/behaviour")

    def reset(self) -> None:
        """Forget messages, behaviour, pending callbacks and counts."""
        self._call("POST", "/sandbox/reset")

    def stats(self) -> dict[str, Any]:
        """`{"messages": n, "callbacks": {"posted", "failed", "refused", "dropped", "waiting"}}`."""
        return self._call("GET", "/sandbox/stats.json")

    def _call(self, method: str, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._session.request(method, urljoin(self._url, path), params=params, timeout=REQUEST_TIMEOUT_S)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body
