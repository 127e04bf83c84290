from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, migrations
from django.db.migrations.loader import MigrationLoader

from messaging.database.plans import ForgetPlans
from messaging.database.sql import rows

# Every installation has it behind itself.
LONG_AGO = ("alerts", "0002_events_are_a_timeline")
OURS = ("messaging", "identity", "geo", "alerts", "config")


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True)


@pytest.mark.django_db
def test_a_migration_that_changes_a_type_lets_plans_be_forgotten() -> None:
    """Processes of the release before have prepared statements that return the column with its old type."""
    changing = set(_changing_types()) - {LONG_AGO}
    assert ("identity", "0012_people_are_encrypted") in changing
    loader = MigrationLoader(connection)
    last = {key: loader.disk_migrations[key].operations[-1] for key in changing}
    assert [key for key, operation in last.items() if not isinstance(operation, ForgetPlans)] == []


def _changing_types() -> Iterator[tuple[str, str]]:
    loader = MigrationLoader(connection)
    for key in loader.graph.nodes:
        if key[0] not in OURS:
            continue
        state = loader.project_state(key, at_end=False)
        for operation in loader.disk_migrations[key].operations:
            if isinstance(operation, migrations.AlterField):
                old = state.models[key[0], operation.model_name_lower].fields[operation.name]
                if _type_of(old) != _type_of(operation.field):
                    yield key
            operation.state_forwards(key[0], state)


def _type_of(field: Any) -> str | None:
    return None if field.remote_field else field.db_type(connection)


@pytest.mark.django_db(transaction=True)
def test_a_process_of_before_reads_on_after_a_change_of_type() -> None:
    rows("CREATE TABLE kept (id int, word varchar(20))")
    rows("INSERT INTO kept VALUES (1, 'Aida')")
    read, changed = Event(), Event()
    found: list[Any] = []

    def old_process() -> None:
        for _ in range(3):  # Prepared from the second time on.
            rows("SELECT id, word FROM kept WHERE id = %s", [1])
        read.set()
        changed.wait(timeout=20)
        for _ in range(2):
            try:
                found.append(rows("SELECT id, word FROM kept WHERE id = %s", [1]))
            except DatabaseError as error:
                found.append(type(error).__name__)
                connection.close()
        connection.close()

    process = Thread(target=old_process)
    process.start()
    read.wait(timeout=20)
    with connection.schema_editor(atomic=True) as editor:
        editor.execute("ALTER TABLE kept ALTER COLUMN word TYPE text")
        for statement in [ForgetPlans().sql]:
            editor.execute(str(statement))
    changed.set()
    process.join()
    rows("DROP TABLE kept")
    # The request at that moment is answered 503, which apps repeat; every later one is served.
    assert found[-1] == [(1, "Aida")]
    assert found[0] in ("OperationalError", [(1, "Aida")])
