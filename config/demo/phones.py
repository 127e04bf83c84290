"""The phones of the story: their SMS are read from the sandbox, as a person reads them from the screen."""

import re
import time
from collections.abc import Collection

from config.demo.people import StoryFailed
from messaging.sandbox.control import Arrival, SandboxControl

POLL_S = 0.02
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")


class Phones:
    def __init__(self, sandbox: SandboxControl) -> None:
        self._sandbox = sandbox

    def received(self, numbers: Collection[str], *, since: float = 0) -> list[Arrival]:
        """SMS to these numbers since a Unix time, oldest first."""
        return [sms for sms in self._sandbox.arrivals() if sms.to in numbers and sms.at >= since]

    def code(self, number: str, *, within_s: float) -> tuple[str, Arrival]:
        """The code of a registration and the SMS it came in. Raises StoryFailed if no code comes within `within_s`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for sms in self.received([number]):
                if found := _CODE.search(sms.body):
                    return found[0], sms
            time.sleep(POLL_S)
        raise StoryFailed(f"No SMS with a code came to {number} within {within_s} s.")
