"""The phones of the story. Their SMS are read from the sandbox, which stands for Twilio and the carriers."""

import re
import time
from collections.abc import Collection

from config.demo.people import StoryFailed
from messaging.sandbox.control import Arrival, SandboxControl

POLL_S = 0.02
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
# The link with which a contact accepts or declines.
_INVITATION = re.compile(r"https?://\S+/c/[\w-]{22}")


class Phones:
    def __init__(self, sandbox: SandboxControl) -> None:
        self._sandbox = sandbox

    def received(self, numbers: Collection[str], *, since: float = 0) -> list[Arrival]:
        """SMS to these numbers since a Unix time, oldest first."""
        return [sms for sms in self._sandbox.arrivals() if sms.to in numbers and sms.at >= since]

    def code(self, number: str, *, within_s: float) -> tuple[str, Arrival]:
        """The code of a registration and its SMS. Raises StoryFailed if none comes within `within_s`."""
        return self._find(_CODE, number, within_s=within_s, what="a code")

    def invitation(self, number: str, *, within_s: float) -> tuple[str, Arrival]:
        """The link of a contact's invitation, and its SMS. Raises StoryFailed if none comes within `within_s`."""
        return self._find(_INVITATION, number, within_s=within_s, what="an invitation")

    def _find(self, wanted: re.Pattern[str], number: str, *, within_s: float, what: str) -> tuple[str, Arrival]:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for sms in self.received([number]):
                if found := wanted.search(sms.body):
                    return found[0], sms
            time.sleep(POLL_S)
        raise StoryFailed(f"No SMS with {what} came to {number} within {within_s} s.")
