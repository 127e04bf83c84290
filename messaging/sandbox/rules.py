"""Checks the rules of `POST /sandbox/behaviour`, and combines the fields of two rules. The fields of a rule:

channel              "sms" (the default) or "voice": the requests that the rule is about
to                   "+996700000001": this number only; without it, all numbers
times                the next N matching requests only; without it, all requests until the rules are deleted
latency_ms           wait this long before the response
status               respond with this 4xx or 5xx and create nothing (429 with retry_after_s)
error_code           without final: refuse the create request with this Twilio code (HTTP 400 and the like)
final                last status of an SMS: "delivered", "sent" (no receipt), "undelivered" or "failed"; of a call:
                     "completed", "busy", "no-answer", "failed" or "canceled". error_code tells why it failed
digits               keys that the person presses in the call, one each time it asks for one; without them a voicemail,
                     or a person who only listens, has answered
lose_reply           close the connection instead of responding
hang                 never respond
garbage              respond with 201 and a body that is not JSON
created              with status, lose_reply or hang: whether the message exists all the same
                     (default: no with status, yes with the others)
drip_ms              wait this many milliseconds after each byte of the response's body
callbacks            false: post no callbacks
duplicate_callbacks  post each callback twice
callback_delay_ms    milliseconds of each step: one number, or [to sent, from sent to final];
                     for a call [to ringing, from ringing to the end]
fail_lists           respond to list and fetch with 500
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from messaging.sandbox.drafts import E164

SMS, VOICE = "sms", "voice"
FINALS = {
    SMS: ("delivered", "sent", "undelivered", "failed"),
    VOICE: ("completed", "busy", "no-answer", "failed", "canceled"),
}
# The final states that may have an error code.
FAILURES = ("undelivered", "failed")
MAX_MS = 600_000
MAX_TIMES = 1_000_000_000

# An upper rule with one field of a group hides the whole group of the lower rule: an old "final" must not apply to a
# new "error_code".
RESPONSES = frozenset({"status", "lose_reply", "hang", "garbage"})
GROUPS = (RESPONSES | {"retry_after_s", "created"}, frozenset({"error_code", "final", "digits"}))


class RuleError(ValueError):
    """The rule is wrong; the text tells the client the fault."""


@dataclass(slots=True)
class Rule:
    """One checked rule. `times`: the number of requests that may still use it; None: all requests."""

    channel: str
    to: str | None
    times: int | None
    fields: dict[str, Any]

    @property
    def is_lookup(self) -> bool:
        return "fail_lists" in self.fields


def overlay(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    hidden = {name for group in GROUPS if not group.isdisjoint(upper) for name in group}
    return {name: value for name, value in lower.items() if name not in hidden} | upper


def read_rules(posted: object) -> Iterator[Rule]:
    """Check a posted JSON value; return the rules in it: one for create requests, one for look-ups, or both.

    Raises RuleError for a wrong value.
    """
    if not isinstance(posted, dict):
        raise RuleError("the body must be a JSON object")
    checked = {name: _checked(name, value) for name, value in posted.items() if value is not None}
    channel = checked.pop("channel", SMS)
    to, times = checked.pop("to", None), checked.pop("times", None)
    _check_together(checked, channel)
    lookup = {name: checked.pop(name) for name in ("fail_lists",) if name in checked}
    return iter([Rule(channel, to, times, fields) for fields in (checked, lookup) if fields])


def _checked(name: str, value: object) -> Any:
    check = CHECKS.get(name)
    if check is None:
        raise RuleError(f"unknown field {name[:40]!r}; known are {', '.join(CHECKS)}")
    return check(name, value)


def _check_together(fields: dict[str, Any], channel: str) -> None:
    if not fields:
        raise RuleError("the rule says nothing to do")
    responses = sorted(name for name in RESPONSES & fields.keys() if fields[name])
    if len(responses) > 1:
        raise RuleError(f"only one of {', '.join(responses)} can be the response")
    if "created" in fields and not (responses and responses != ["garbage"]):
        raise RuleError("created needs status, lose_reply or hang")
    if "retry_after_s" in fields and "status" not in fields:
        raise RuleError("retry_after_s needs status")
    final = fields.get("final")
    if final is not None and final not in FINALS[channel]:
        raise RuleError(f"final must be one of {', '.join(FINALS[channel])}")
    if final is not None and final not in FAILURES and "error_code" in fields:
        raise RuleError(f"final {final!r} has no error_code")
    if "digits" in fields and (channel != VOICE or final not in (None, "completed")):
        raise RuleError("digits needs channel 'voice' and a call that is answered")


def _whole(lowest: int, highest: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise RuleError(f"{name} must be a whole number from {lowest} to {highest}")
        return value

    return check


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise RuleError(f"{name} must be true or false")
    return value


def _number(name: str, value: object) -> str:
    if not isinstance(value, str) or not E164.fullmatch(value):
        raise RuleError(f"{name} must be a phone number like +996700000001")
    return value


def _word(*known: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise RuleError(f"{name} must be one of {', '.join(known)}")
        return value

    return check


def _digits(name: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9*#]{1,20}", value, re.ASCII):
        raise RuleError(f"{name} must be up to 20 keys of a phone, like '1'")
    return value


def _delays(name: str, value: object) -> tuple[int, int]:
    steps = value if isinstance(value, list) else [value, value]
    if len(steps) != 2:
        raise RuleError(f"{name} must be a number or a list of two")
    to_sent, to_final = (_whole(0, MAX_MS)(name, step) for step in steps)
    return to_sent, to_final


CHECKS: dict[str, Callable[[str, object], Any]] = {
    "channel": _word(SMS, VOICE),
    "to": _number,
    "times": _whole(1, MAX_TIMES),
    "latency_ms": _whole(0, MAX_MS),
    "status": _whole(400, 599),
    "retry_after_s": _whole(0, 86_400),
    "error_code": _whole(10_000, 99_999),
    "final": _word(*FINALS[SMS], *FINALS[VOICE]),
    "digits": _digits,
    "lose_reply": _flag,
    "hang": _flag,
    "garbage": _flag,
    "created": _flag,
    "drip_ms": _whole(1, 60_000),
    "callbacks": _flag,
    "duplicate_callbacks": _flag,
    "callback_delay_ms": _delays,
    "fail_lists": _flag,
}
