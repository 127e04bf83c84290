"""The phones with their messages, as JSON and HTML for the sandbox's web page."""

import html
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from messaging.sandbox.store import Message, Store

PHONES_SHOWN = 48
MESSAGES_SHOWN = 20

LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
TICKS = {"queued": "◷", "sent": "✓", "delivered": "✓✓", "refused": "✕"}
# Call status -> (the SMS status with the same colour, the words for people).
CALLS = {
    "queued": ("queued", "calling"),
    "ringing": ("sent", "ringing"),
    "in-progress": ("sent", "answered"),
    "completed": ("delivered", "answered, ended"),
    "busy": ("refused", "busy"),
    "no-answer": ("refused", "missed"),
    "failed": ("refused", "could not be called"),
    "canceled": ("refused", "stopped before an answer"),
}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message or call on a phone. `status` is a key of TICKS.

    `word` is the status in words, with Twilio's code for a refusal. `note` has the segments of the SMS, or the keys
    pressed in the call.
    """

    sid: str
    sender: str
    text: str
    at: float
    status: str
    word: str
    note: str


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone. `bubbles`: its newest MESSAGES_SHOWN messages and calls, newest first. `total`: the number of all."""

    number: str
    total: int
    bubbles: tuple[Bubble, ...]


def phones_shown(store: Store, *, now: float, since: float = 0.0) -> list[Phone]:
    """Return the phones that changed after `since` (monotonic seconds), of the PHONES_SHOWN newest ones."""
    newest = islice(store.phones(), PHONES_SHOWN)
    return [
        _phone(number, messages, now)
        for number, messages in newest
        if any(message.changed_since(since, now) for message in _shown(messages))
    ]


def numbers_shown(store: Store) -> list[str]:
    return [number for number, _ in islice(store.phones(), PHONES_SHOWN)]


def _shown(messages: deque[Message]) -> Iterable[Message]:
    return islice(reversed(messages), MESSAGES_SHOWN)


def _phone(number: str, messages: deque[Message], now: float) -> Phone:
    return Phone(number, len(messages), tuple(_bubble(message, now) for message in _shown(messages)))


def _bubble(message: Message, now: float) -> Bubble:
    status = message.status(now)
    sender = message.sender or message.service_sid or ""
    text, note = message.body, _counted(message.segments, "segment")
    if message.call is None:
        status = word = {"accepted": "queued", "undelivered": "refused", "failed": "refused"}.get(status, status)
    else:
        status, word = CALLS[status]
        text = "\n".join(["☎", message.body, *message.call.replies])
        pressed = ", ".join(digit for _, digit in message.call.pressed)
        note = f"call, pressed {pressed}" if pressed else "call"
    code = message.error_code(now)
    return Bubble(message.sid, sender, text, message.arrived_at, status, f"{word} ({code})" if code else word, note)


def phones_html(phones: Iterable[Phone]) -> str:
    return "\n".join(_phone_html(phone) for phone in phones)


def _phone_html(phone: Phone) -> str:
    number = html.escape(phone.number)
    bubbles = "\n".join(_bubble_html(bubble) for bubble in phone.bubbles)
    return (
        f'<article class="phone" data-number="{number}" aria-label="Phone {number}">\n'
        f'<h2>{number} <span class="total">{_counted(phone.total, "message")}</span></h2>\n'
        f'<ol tabindex="0" aria-label="Messages to {number}, newest first">\n{bubbles}\n</ol>\n</article>'
    )


def _bubble_html(bubble: Bubble) -> str:
    at = datetime.fromtimestamp(bubble.at).astimezone()
    return (
        f'<li class="{bubble.status}" data-sid="{bubble.sid}">'
        f'<p class="sender">{html.escape(bubble.sender)}</p>'
        f'<p class="text" dir="auto">{_linked(bubble.text)}</p>'
        f'<p class="facts"><time datetime="{at.isoformat()}">{at:%H:%M:%S}</time> '
        f'<span class="status"><span class="ticks" aria-hidden="true">{TICKS[bubble.status]}</span> '
        f'<span class="word">{html.escape(bubble.word)}</span></span> '
        f'<span class="note">{html.escape(bubble.note)}</span></p></li>'
    )


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _linked(text: str) -> str:
    """The text as HTML, with its http and https URLs as links."""
    pieces, end = [], 0
    for link in LINK.finditer(text):
        url = html.escape(link[0])
        pieces.append(html.escape(text[end : link.start()]))
        pieces.append(f'<a href="{url}" target="_blank" rel="noopener noreferrer">{url}</a>')
        end = link.end()
    return "".join(pieces) + html.escape(text[end:])
