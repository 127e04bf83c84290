"""The Message resource and its list, field for field.

Source: https://www.twilio.com/docs/messaging/api/message-resource.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import formatdate
from functools import lru_cache
from itertools import islice
from urllib.parse import urlencode

from messaging.sandbox.errors import INVALID_PARAMETER, MESSAGES, TwilioError
from messaging.sandbox.store import Message, Store

API_VERSION = "2010-04-01"
PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000


def resource(message: Message, *, account_sid: str, now: float) -> dict[str, object]:
    """The message as Twilio shows it at `now` (monotonic seconds)."""
    taken = message.steps_taken(now)
    steps = message.plan.steps
    error_code = message.error_code(now)
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    left = taken and steps[0][1] != "failed"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": rfc2822(int(message.arrived_at)),
        "date_sent": rfc2822(int(message.arrived_at + steps[0][0])) if left else None,
        "date_updated": rfc2822(int(message.arrived_at + (steps[taken - 1][0] if taken else 0))),
        "direction": "outbound-api",
        "error_code": error_code,
        "error_message": MESSAGES.get(error_code, "Unknown error") if error_code else None,
        # A Messaging Service has not chosen a sender yet when it accepts a message.
        "from": message.sender,
        "messaging_service_sid": message.service_sid,
        "num_media": "0",
        "num_segments": "0" if message.service_sid and not taken else str(message.segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status(now),
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


@lru_cache(maxsize=4096)
def rfc2822(unix_s: int) -> str:
    return formatdate(unix_s).replace("-0000", "+0000")


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list: what to show, and where it starts."""

    to: str
    sender: str
    first_day: date
    last_day: date
    page: int
    page_size: int
    after_sid: str
    filters: tuple[tuple[str, str], ...]


def read_listing(query: Mapping[str, str]) -> Listing:
    """Raises TwilioError for a value that Twilio would not take."""
    exactly = query.get("DateSent")
    return Listing(
        to=query.get("To", ""),
        sender=query.get("From", ""),
        first_day=_day(query.get("DateSent>") or exactly, date.min),
        last_day=_day(query.get("DateSent<") or exactly, date.max),
        page=_count("Page", query, 0),
        page_size=min(max(1, _count("PageSize", query, PAGE_SIZE)), MAX_PAGE_SIZE),
        after_sid=_page_token(query.get("PageToken", "")),
        filters=tuple((name, value) for name, value in query.items() if name not in PAGING),
    )


PAGING = frozenset({"Page", "PageSize", "PageToken"})


def _count(name: str, query: Mapping[str, str], default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise TwilioError(INVALID_PARAMETER, f"{name} must be a number")
    return int(text)


def _day(text: str | None, default: date) -> date:
    """Twilio compares days: of a date and time it reads the date."""
    if not text:
        return default
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise TwilioError(INVALID_PARAMETER, "DateSent must be a date like 2026-01-31") from None


def _page_token(token: str) -> str:
    if token and not re.fullmatch(r"PASM[0-9a-f]{32}", token):
        raise TwilioError(INVALID_PARAMETER, "PageToken is not valid")
    return token[2:]


def page_of(store: Store, listing: Listing, *, account_sid: str, now: float) -> dict[str, object]:
    """Twilio's page envelope, newest messages first."""
    found = _matches(store, listing)
    # With a token the page goes on after a message, so new arrivals shift nothing.
    skipped = 0 if listing.after_sid else listing.page * listing.page_size
    shown = list(islice(found, skipped, skipped + listing.page_size + 1))
    has_more = len(shown) > listing.page_size
    del shown[listing.page_size :]
    start = listing.page * listing.page_size
    return {
        "end": start + max(0, len(shown) - 1),
        "first_page_uri": _uri(listing, account_sid, 0),
        "messages": [resource(message, account_sid=account_sid, now=now) for message in shown],
        "next_page_uri": _uri(listing, account_sid, listing.page + 1, shown[-1].sid) if has_more else None,
        "page": listing.page,
        "page_size": listing.page_size,
        "previous_page_uri": _uri(listing, account_sid, listing.page - 1) if listing.page else None,
        "start": start,
        "uri": _uri(listing, account_sid, listing.page, listing.after_sid),
    }


def _matches(store: Store, listing: Listing) -> Iterator[Message]:
    last = store.get(listing.after_sid) if listing.after_sid else None
    if listing.after_sid and last is None:
        raise TwilioError(INVALID_PARAMETER, "PageToken is not valid")
    every_day = (listing.first_day, listing.last_day) == (date.min, date.max)
    for message in store.newest_first(listing.to):
        if last is not None and message.serial >= last.serial:
            continue
        if listing.sender and message.sender != listing.sender:
            continue
        if every_day or listing.first_day <= _day_of(message) <= listing.last_day:
            yield message


def _day_of(message: Message) -> date:
    # A message that has not been sent yet counts as of its creation, so a look-up right after misses none.
    return datetime.fromtimestamp(message.arrived_at + message.plan.steps[0][0], UTC).date()


def _uri(listing: Listing, account_sid: str, page: int, after_sid: str = "") -> str:
    query = [*listing.filters, ("PageSize", str(listing.page_size)), ("Page", str(page))]
    if after_sid:
        query.append(("PageToken", f"PA{after_sid}"))
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages.json?{urlencode(query)}"
