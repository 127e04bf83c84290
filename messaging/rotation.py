"""Encrypts stored values under the newest key of DATA_KEYS, while the installation runs (`manage.py rotatekeys`).

A batch of rows is read without a lock. One short transaction then writes the rows whose values did not change since.
A row that another process has locked is left for the next pass. After PASSES passes it is left for the next run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import IntegrityError, OperationalError, connection, models, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from messaging.columns import ENCRYPTED
from messaging.database import clock
from messaging.database.sql import rows
from messaging.encryption import Unreadable

BATCH = 200
# A table is gone through again for rows that others held, at most so often.
PASSES = 3
# A trigger lets this transaction change the encrypted column of a table that is otherwise append-only.
_ALLOW = "SELECT set_config('alertme.changes_keys', 'on', true)"
_HELD = LockNotAvailable, QueryCanceled, DeadlockDetected

# Models whose rows change in one transaction, by the value of a common column: statements compare their numbers.
_together: dict[str, tuple[type[models.Model], ...]] = {}


def together(*group: type[models.Model], key: str) -> None:
    """Let `rotate` encrypt these models' rows with the same value in the column `key` in one transaction.

    A second group with the same `key` replaces the first.
    """
    _together[key] = group


# Changes of keys outside of columns, like those of files.
_more: list[Callable[[], Iterator["Count"]]] = []


def also(rotate_more: Callable[[], Iterator["Count"]]) -> None:
    """Let `manage.py rotatekeys` run `rotate_more` too, for keys outside of columns, like those of files.

    `rotate_more` yields a Count after each step. The last Count holds the totals.
    """
    _more.append(rotate_more)


def everything() -> Iterator[Iterator["Count"]]:
    """Yield one iterator of Counts for each group of tables, and one for each function that `also` was given.

    The values are encrypted while the caller goes through these iterators.
    """
    yield from map(rotate, groups())
    for rotate_more in _more:
        yield rotate_more()


@dataclass(slots=True)
class Count:
    """Numbers of rows of one group of tables in one pass. `seen`: read. `changed`: encrypted under the newest key.

    `held`: another process locked or changed them. `unreadable`: DATA_KEYS has no key that decrypts them. `double`:
    a unique constraint forbids the new value, because another row has the same number under the newest key.
    """

    name: str
    seen: int = 0
    changed: int = 0
    held: int = 0
    unreadable: int = 0
    double: int = 0

    @property
    def is_done(self) -> bool:
        return not (self.held or self.unreadable or self.double)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with encrypted columns. `key`: the column by whose values rows are read in batches.

    Rows with the same value of `key` change in one transaction.
    """

    model: type[models.Model]
    key: str

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def pk(self) -> Any:
        return self.model._meta.pk

    @property
    def columns(self) -> list[Any]:
        return [each for each in self.model._meta.concrete_fields if isinstance(each, ENCRYPTED)]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that has a value not yet under the newest key: its stored values, and the values to write.

    `key` is the row's value in the column `Table.key`.
    """

    key: Any
    pk: Any
    old: Sequence[Any]
    new: Sequence[Any]


def groups() -> list[list[Table]]:
    """All tables with encrypted columns, in the groups in which `rotate` takes them.

    Tables given to `together` are one group: their rows with the same key change in one transaction. Each other table
    is a group of its own.
    """
    grouped = [[Table(model, key) for model in group] for key, group in _together.items()]
    taken = {table.model for group in grouped for table in group}
    alone = (Table(model, model._meta.pk.attname) for model in apps.get_models() if model not in taken)
    return [*grouped, *([table] for table in alone if table.columns)]


def rotate(group: Sequence[Table], *, batch: int = BATCH) -> Iterator[Count]:
    """Encrypt the rows of a group under the newest key; yield the Count of the pass after each batch and at its end.

    A pass that found held rows is followed by another one, up to PASSES passes. Each pass counts all rows anew.
    """
    for _ in range(PASSES):
        count = Count(", ".join(table.name for table in group))
        for keys in _keys(group, batch):
            _change_batch(group, keys, count)
            yield count
        yield count
        if not count.held:
            return


def _keys(group: Sequence[Table], batch: int) -> Iterator[list[Any]]:
    """Yield the values of the group's key columns in ascending order, in lists of at most `batch` values."""
    last: list[Any] = []
    while True:
        after = f"WHERE {group[0].key} > %s" if last else ""
        union = " UNION ".join(
            f"(SELECT DISTINCT {table.key} AS key FROM {table.name} {after} ORDER BY 1 LIMIT {batch})"  # noqa: S608
            for table in group
        )
        found = [key for (key,) in rows(f"SELECT key FROM ({union}) k ORDER BY 1 LIMIT {batch}", last * len(group))]  # noqa: S608 of names of tables
        if not found:
            return
        yield found
        last = [found[-1]]


def _change_batch(group: Sequence[Table], keys: list[Any], count: Count) -> None:
    try:
        _change(group, keys, count, is_alone=len(keys) == 1)
    except IntegrityError:
        # One of the rows is double: the others change without it.
        for key in keys:
            _change(group, [key], count, is_alone=True)


def _change(group: Sequence[Table], keys: list[Any], count: Count, *, is_alone: bool) -> None:
    part = Count(count.name)
    stale = {table: list(_stale(table, keys, part)) for table in group}
    try:
        if any(stale.values()):
            _write(stale, part)
    except IntegrityError:
        if not is_alone:
            raise
        part.double += sum(map(len, stale.values()))
    except OperationalError as error:
        if not isinstance(error.__cause__, _HELD):
            raise
        part.held += sum(map(len, stale.values()))
    for name in ("seen", "changed", "held", "unreadable", "double"):
        setattr(count, name, getattr(count, name) + getattr(part, name))


def _stale(table: Table, keys: list[Any], count: Count) -> Iterator[_Row]:
    columns = ", ".join(each.column for each in table.columns)
    query = f"SELECT {table.key}, {table.pk.column}, {columns} FROM {table.name} WHERE {table.key} = ANY(%s)"  # noqa: S608 of names of columns
    for key, pk, *old in rows(query, [keys]):
        count.seen += 1
        try:
            new = [column.under_newest_key(value) for column, value in zip(table.columns, old, strict=True)]
        except Unreadable:
            count.unreadable += 1
            continue
        if new != old:
            yield _Row(key, pk, old, new)


@transaction.atomic
def _write(stale: dict[Table, list[_Row]], count: Count) -> None:
    clock.set_short_timeouts()
    rows(_ALLOW)
    free = {table: _locked(table, changes) for table, changes in stale.items()}
    held = {row.key for table, changes in stale.items() for row in changes if row.pk not in free[table]}
    changed = 0
    for table, changes in stale.items():
        if wanted := [row for row in changes if row.key not in held]:
            changed += len(rows(*_update(table, wanted)))
    count.changed += changed
    count.held += sum(map(len, stale.values())) - changed


def _locked(table: Table, changes: Sequence[_Row]) -> set[Any]:
    pk = table.pk.column
    lock = f"SELECT {pk} FROM {table.name} WHERE {pk} = ANY(%s) ORDER BY {pk} FOR UPDATE SKIP LOCKED"  # noqa: S608 of names of columns
    return {found for (found,) in rows(lock, [[row.pk for row in changes]])} if changes else set()


def _update(table: Table, changes: Sequence[_Row]) -> tuple[str, list[Any]]:
    """Return a statement and its parameters. It writes the new values of the rows that still have their old values."""
    types = [each.db_type(connection) for each in table.columns]
    numbered = list(enumerate(zip(table.columns, types, strict=True)))
    arrays = ", ".join(
        [f"%s::{table.pk.rel_db_type(connection)}[]", *(f"%s::{kind}[], %s::{kind}[]" for kind in types)]
    )
    names = ", ".join(["id", *(f"old{n}, new{n}" for n, _ in numbered)])
    values = ", ".join(f"{column.column} = v.new{n}" for n, (column, _) in numbered)
    still = " AND ".join(f"t.{column.column} IS NOT DISTINCT FROM v.old{n}" for n, (column, _) in numbered)
    parameters: list[Any] = [[row.pk for row in changes]]
    for n, _ in numbered:
        parameters += [[row.old[n] for row in changes], [row.new[n] for row in changes]]
    statement = (
        f"UPDATE {table.name} t SET {values} FROM unnest({arrays}) AS v ({names})"  # noqa: S608 of names of columns
        f" WHERE t.{table.pk.column} = v.id AND {still} RETURNING 1"
    )
    return statement, parameters
