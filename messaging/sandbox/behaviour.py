"""Stores the rules that rules.py has read, and makes of them the Script for each request to the sandbox."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from messaging.sandbox.rules import FAILURES, SMS, VOICE, Rule, RuleError, overlay
from messaging.sandbox.store import Plan

MAX_TARGETS = 100_000
MAX_TIMED_RULES = 1_000
EVERYONE = ""


@dataclass(frozen=True, slots=True)
class Script:
    """The treatment of one create request by the sandbox. Its fields are explained in rules.py.

    With the default values the sandbox responds as Twilio does when nothing fails.
    """

    latency_s: float = 0.0
    status: int = 0
    retry_after_s: int | None = None
    refuse_code: int = 0
    creates: bool = True
    lose_reply: bool = False
    hang: bool = False
    garbage: bool = False
    drip_s: float = 0.0
    digits: str = ""
    plan: Plan = field(default_factory=Plan)


GOOD_DAY = Script()


@dataclass(slots=True)
class Layer:
    """The rules of one target: one phone number, or all numbers.

    `timed`: the rules with `times`, in the order given; the first one is used until its requests are used up.
    `lasting`: the fields of all rules without `times`. They hold where the timed rule says nothing.
    """

    lasting: dict[str, Any] = field(default_factory=dict)
    timed: deque[Rule] = field(default_factory=deque)

    def add(self, rule: Rule) -> None:
        if rule.times is None:
            self.lasting = overlay(self.lasting, rule.fields)
        elif len(self.timed) >= MAX_TIMED_RULES:
            raise RuleError(f"more than {MAX_TIMED_RULES} rules with times for one target")
        else:
            self.timed.append(rule)

    def take(self) -> dict[str, Any]:
        """Return the fields for one request. The first rule with `times`, if any, has one use less afterwards."""
        if not self.timed:
            return self.lasting
        rule = self.timed[0]
        rule.times = (rule.times or 0) - 1
        if rule.times < 1:
            self.timed.popleft()
        return overlay(self.lasting, rule.fields)

    @property
    def is_empty(self) -> bool:
        return not self.lasting and not self.timed


class Layers:
    """The rules of one kind of request: `everyone` for all numbers, and `numbers` for single ones, which come first."""

    def __init__(self) -> None:
        self.everyone = Layer()
        self.numbers: dict[str, Layer] = {}

    def add(self, rule: Rule) -> None:
        if rule.to is None:
            self.everyone.add(rule)
            return
        if rule.to not in self.numbers and len(self.numbers) >= MAX_TARGETS:
            raise RuleError(f"more than {MAX_TARGETS} numbers have rules")
        self.numbers.setdefault(rule.to, Layer()).add(rule)

    def take(self, to: str) -> dict[str, Any]:
        common = self.everyone.take()
        layer = self.numbers.get(to)
        if layer is None:
            return common
        own = layer.take()
        if layer.is_empty:
            del self.numbers[to]
        return overlay(common, own)


class Behaviours:
    """All rules of the sandbox. A create request uses up no `times` of a rule for look-ups, and the reverse."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._creates = {SMS: Layers(), VOICE: Layers()}
        self._lookups = {SMS: Layers(), VOICE: Layers()}
        self._common = GOOD_DAY

    def add(self, rules: Iterator[Rule]) -> None:
        """Add the rules that `read_rules` made of one posted rule. Raises RuleError when there are too many rules."""
        for rule in rules:
            (self._lookups if rule.is_lookup else self._creates)[rule.channel].add(rule)
        self._common = script_of(self._creates[SMS].everyone.lasting)

    def for_create(self, to: str) -> Script:
        """Return the Script for one create request of an SMS to the number.

        Each rule with `times` that is used has one use less afterwards.
        """
        creates = self._creates[SMS]
        if not creates.everyone.timed and to not in creates.numbers:
            return self._common
        return script_of(creates.take(to))

    def for_call(self, to: str) -> Script:
        """Return the Script for one create request of a call to the number.

        Each rule with `times` that is used has one use less afterwards.
        """
        fields = self._creates[VOICE].take(to)
        return replace(script_of(fields), digits=fields.get("digits", ""), plan=call_plan_of(fields))

    def lookup_fails(self, to: str, *, channel: str = SMS) -> bool:
        """Whether the response to a list or fetch is 500.

        Each rule with `times` that is used has one use less afterwards.
        """
        return bool(self._lookups[channel].take(to).get("fail_lists", False))


def script_of(fields: Mapping[str, Any]) -> Script:
    if not fields:
        return GOOD_DAY
    is_error = bool(fields.get("status"))
    refuse_code = 0 if "final" in fields else fields.get("error_code", 0)
    return Script(
        latency_s=fields.get("latency_ms", 0) / 1000,
        status=fields.get("status", 0),
        retry_after_s=fields.get("retry_after_s"),
        refuse_code=refuse_code,
        creates=not refuse_code and fields.get("created", not is_error),
        lose_reply=fields.get("lose_reply", False),
        hang=fields.get("hang", False),
        garbage=fields.get("garbage", False),
        drip_s=fields.get("drip_ms", 0) / 1000,
        plan=plan_of(fields),
    )


def plan_of(fields: Mapping[str, Any]) -> Plan:
    to_sent, to_final = fields.get("callback_delay_ms", (150, 250))
    sent, done = to_sent / 1000, (to_sent + to_final) / 1000
    final = fields.get("final", "delivered")
    steps: tuple[tuple[float, str], ...] = ((sent, "sent"), (done, final))
    if final == "failed":
        # A "failed" message never left Twilio, so no "sent" comes before it.
        steps = ((sent, "failed"),)
    elif final == "sent":
        steps = ((sent, "sent"),)
    return Plan(
        steps=steps,
        error_code=fields.get("error_code", 30008) if final in FAILURES else None,
        callbacks=fields.get("callbacks", True),
        copies=2 if fields.get("duplicate_callbacks") else 1,
    )


def call_plan_of(fields: Mapping[str, Any]) -> Plan:
    """Return what a sandbox call will do, and when, from the merged fields of the rules for its number.

    `callback_delay_ms` is a pair: milliseconds from the create request to the ringing, and from the ringing to the end.
    In a completed call the person answers half-way between ringing and end.
    """
    to_ringing, to_end = fields.get("callback_delay_ms", (100, 300))
    ringing, end = to_ringing / 1000, (to_ringing + to_end) / 1000
    final = fields.get("final", "completed")
    steps = [(ringing / 2, "initiated")]
    if final in ("completed", "no-answer", "canceled"):
        steps.append((ringing, "ringing"))
    if final == "completed":
        steps.append(((ringing + end) / 2, "in-progress"))
    return Plan(
        steps=(*steps, (end, final)),
        error_code=fields.get("error_code") if final == "failed" else None,
        callbacks=fields.get("callbacks", True),
        copies=2 if fields.get("duplicate_callbacks") else 1,
    )
