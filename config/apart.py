"""What is done for each key, in a thread of its own: a sender or a periodic work that is slow delays no other."""

import threading
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connection

log = structlog.get_logger(__name__)
Key = TypeVar("Key", bound=Hashable)


class Apart(Generic[Key]):
    """Called again and again, it begins `step` for every key of `find` that is not at it yet, and waits for none."""

    def __init__(self, find: Callable[[], Iterable[Key]], step: Callable[[Key], object]) -> None:
        self._find = find
        self._step = step
        self._changing = threading.Lock()
        self.at_it: set[Key] = set()

    def __call__(self) -> None:
        for key in self._find():
            with self._changing:
                if key in self.at_it:
                    continue
                self.at_it.add(key)
            self._begin(key)

    def _begin(self, key: Key) -> None:
        try:
            threading.Thread(target=self._run, args=(key,), daemon=True).start()
        except RuntimeError:
            # The machine has no thread left. What never began must not count as at it for ever.
            self._end(key)
            raise

    def _run(self, key: Key) -> None:
        try:
            self._step(key)
        except DatabaseError as error:
            log.warning("database_error", error=type(error).__name__)
        except Exception:
            log.exception("scheduler_pass_failed")
        finally:
            with suppress(DatabaseError):
                connection.close()
            self._end(key)

    def _end(self, key: Key) -> None:
        with self._changing:
            self.at_it.discard(key)
