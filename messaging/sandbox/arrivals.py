"""Lists accepted messages with their times: in a log file for other processes, and in JSON pages for control.py."""

import asyncio
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from messaging.sandbox.store import Message, Store

ARRIVALS_PER_PAGE = 5_000
# Seconds to collect lines: a system call for each line would cost more than all other work for a message.
FLUSH_AFTER_S = 0.02


class ArrivalLog:
    """Appends one JSON line for each accepted message. Readers of the file see it within 20 ms."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1 << 16)
        self._flush_is_due = False

    def append(self, message: Message) -> None:
        line = {
            "sid": message.sid,
            "to": message.to,
            "from": message.sender or message.service_sid,
            "body": message.body,
            "at": message.arrived_at,
            "segments": message.segments,
            "attempt_url": message.callback_url,
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        if not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def arrivals_page(store: Store, query: Mapping[str, str]) -> dict[str, object]:
    """One page of the messages with a serial above the query's `after`, oldest first, as JSON.

    `next` is the `after` of the next page; null on the last page.
    """
    text = query.get("after", "")
    after = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
    found = list(islice(store.after(after), ARRIVALS_PER_PAGE))
    return {
        "arrivals": [
            {
                "at": message.arrived_at,
                "to": message.to,
                "segments": message.segments,
                "body": message.body,
                "sid": message.sid,
                "validity_s": message.validity_s,
            }
            for message in found
        ],
        "next": found[-1].serial if len(found) == ARRIVALS_PER_PAGE else None,
    }
