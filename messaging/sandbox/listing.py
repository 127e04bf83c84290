"""Twilio's lists of resources: their filters, pages and page tokens, alike for messages and calls."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from urllib.parse import urlencode

from messaging.sandbox.errors import INVALID_PARAMETER, TwilioError
from messaging.sandbox.store import Message, Store

API_VERSION = "2010-04-01"
PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
PAGING = frozenset({"Page", "PageSize", "PageToken"})


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of resource: its name in URLs, its key in a page, the prefix of its ids, the function that makes its
    JSON.
    """

    name: str
    key: str
    prefix: str
    show: Callable[..., dict[str, object]]


@dataclass(frozen=True, slots=True)
class Listing:
    """The query of one page of a list: its filters and its start."""

    to: str
    sender: str
    status: str
    first_day: date
    last_day: date
    page: int
    page_size: int
    after_sid: str
    filters: tuple[tuple[str, str], ...]


def read_listing(query: Mapping[str, str]) -> Listing:
    """Read the query of a list request. Raises TwilioError for a value that Twilio would not take."""
    exactly = query.get("DateSent")
    return Listing(
        to=query.get("To", ""),
        sender=query.get("From", ""),
        status=query.get("Status", ""),
        first_day=_day(query.get("DateSent>") or exactly, date.min),
        last_day=_day(query.get("DateSent<") or exactly, date.max),
        page=_count("Page", query, 0),
        page_size=min(max(1, _count("PageSize", query, PAGE_SIZE)), MAX_PAGE_SIZE),
        after_sid=_page_token(query.get("PageToken", "")),
        filters=tuple((name, value) for name, value in query.items() if name not in PAGING),
    )


def _count(name: str, query: Mapping[str, str], default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise TwilioError(INVALID_PARAMETER, f"{name} must be a number")
    return int(text)


def _day(text: str | None, default: date) -> date:
    """The day in a DateSent filter; `default` without one. Raises TwilioError if it is no date.

    Twilio compares days only, and ignores a time after the date.
    """
    if not text:
        return default
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise TwilioError(INVALID_PARAMETER, "DateSent must be a date like 2026-01-31") from None


def _page_token(token: str) -> str:
    if token and not re.fullmatch(r"PA(SM|CA)[0-9a-f]{32}", token):
        raise TwilioError(INVALID_PARAMETER, "PageToken is not valid")
    return token[2:]


def page_of(
    store: Store, listing: Listing, collection: Collection, *, account_sid: str, now: float
) -> dict[str, object]:
    """One page of resources as Twilio sends it, newest first, with the URIs of the first, previous and next page.

    Raises TwilioError if the page token names no stored message.
    """
    found = _matches(store, listing, collection, now)
    # A page with a token starts after a certain resource, so that new arrivals do not shift it.
    skipped = 0 if listing.after_sid else listing.page * listing.page_size
    shown = list(islice(found, skipped, skipped + listing.page_size + 1))
    has_more = len(shown) > listing.page_size
    del shown[listing.page_size :]
    start = listing.page * listing.page_size

    def uri(page: int, after_sid: str = "") -> str:
        query = [*listing.filters, ("PageSize", str(listing.page_size)), ("Page", str(page))]
        if after_sid:
            query.append(("PageToken", f"PA{after_sid}"))
        return f"/{API_VERSION}/Accounts/{account_sid}/{collection.name}.json?{urlencode(query)}"

    return {
        "end": start + max(0, len(shown) - 1),
        "first_page_uri": uri(0),
        collection.key: [collection.show(message, account_sid=account_sid, now=now) for message in shown],
        "next_page_uri": uri(listing.page + 1, shown[-1].sid) if has_more else None,
        "page": listing.page,
        "page_size": listing.page_size,
        "previous_page_uri": uri(listing.page - 1) if listing.page else None,
        "start": start,
        "uri": uri(listing.page, listing.after_sid),
    }


def _matches(store: Store, listing: Listing, collection: Collection, now: float) -> Iterator[Message]:
    last = store.get(listing.after_sid) if listing.after_sid else None
    if listing.after_sid and last is None:
        raise TwilioError(INVALID_PARAMETER, "PageToken is not valid")
    every_day = (listing.first_day, listing.last_day) == (date.min, date.max)
    for message in store.newest_first(listing.to):
        if not message.sid.startswith(collection.prefix) or (last is not None and message.serial >= last.serial):
            continue
        if listing.sender and message.sender != listing.sender:
            continue
        if listing.status and message.call and message.status(now) != listing.status:
            continue
        if every_day or listing.first_day <= _day_of(message) <= listing.last_day:
            yield message


def _day_of(message: Message) -> date:
    # The planned time of sending: a message that is not sent yet is on the list from its creation.
    return datetime.fromtimestamp(message.arrived_at + message.plan.steps[0][0], UTC).date()
