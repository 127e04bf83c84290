"""Look-ups of each sender in a thread of their own: one whose provider answers slowly delays no other's."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog
from django.db import Error as DatabaseError
from django.db import connection

log = structlog.get_logger(__name__)


class Apart:
    """Called again and again, it begins `step` for every sender of `find` that is not at it yet, and waits for none."""

    def __init__(self, find: Callable[[], Iterable[int]], step: Callable[[int], object]) -> None:
        self._find = find
        self._step = step
        self._changing = threading.Lock()
        self.at_it: set[int] = set()

    def __call__(self) -> None:
        for sender_id in self._find():
            with self._changing:
                if sender_id in self.at_it:
                    continue
                self.at_it.add(sender_id)
            threading.Thread(target=self._run, args=(sender_id,), daemon=True).start()

    def _run(self, sender_id: int) -> None:
        try:
            self._step(sender_id)
        except DatabaseError as error:
            log.warning("database_error", error=type(error).__name__)
        except Exception:
            log.exception("scheduler_pass_failed")
        finally:
            with suppress(DatabaseError):
                connection.close()
            with self._changing:
                self.at_it.discard(sender_id)
