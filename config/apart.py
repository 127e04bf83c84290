"""Runs a step for each key (a sender, or a name of periodic work) in its own thread: a slow one delays no other."""

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
    """Each call asks `find` for keys and starts `step(key)` in a new thread for each, unless its last step still runs.

    The call does not wait for the steps. An error in a step is only logged.
    """

    def __init__(self, find: Callable[[], Iterable[Key]], step: Callable[[Key], object]) -> None:
        self._find = find
        self._step = step
        self._changing = threading.Lock()
        self.running: set[Key] = set()

    def __call__(self) -> None:
        for key in self._find():
            with self._changing:
                if key in self.running:
                    continue
                self.running.add(key)
            self._begin(key)

    def _begin(self, key: Key) -> None:
        try:
            threading.Thread(target=self._run, args=(key,), daemon=True).start()
        except RuntimeError:
            # The machine has no thread left. A step that never began must not count as running.
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
            self.running.discard(key)
