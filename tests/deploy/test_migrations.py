from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from psycopg.sql import SQL, Identifier

from messaging.database.plans import ForgetPlans

Connect = Callable[..., psycopg.Connection[Any]]

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


@pytest.fixture
def apart(django_db_setup: None) -> Iterator[Connect]:
    """A database of its own: ending its connections leaves the tests' own pool as it is."""
    of_tests = connection.settings_dict
    server = {name: of_tests[key] for name, key in (("host", "HOST"), ("port", "PORT"), ("user", "USER"))}
    name = f"plans_{uuid4().hex}"
    connect: Connect = partial(psycopg.connect, **server, password=of_tests["PASSWORD"], autocommit=True)
    with connect(dbname=of_tests["NAME"]) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield partial(connect, dbname=name)
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.mark.parametrize("forgets", [True, False])
def test_a_process_of_before_reads_on_after_a_change_of_type(apart: Connect, forgets: bool) -> None:
    """Without ForgetPlans its statement fails again and again; with it, once, on a connection that is made anew."""
    with apart() as migration, closing(apart(prepare_threshold=0)) as process:
        migration.execute("CREATE TABLE kept (id int, word varchar(20)); INSERT INTO kept VALUES (1, 'Aida')")
        assert _word(process) == "Aida"
        with migration.transaction():
            migration.execute("ALTER TABLE kept ALTER COLUMN word TYPE text")
            if forgets:
                migration.execute(str(ForgetPlans().sql))
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError if forgets else psycopg.errors.FeatureNotSupported):
                _word(process)
        with apart() as anew:
            assert _word(anew) == "Aida"


def _word(process: psycopg.Connection[Any]) -> object:
    row = process.execute("SELECT id, word FROM kept WHERE id = %s", [1]).fetchone()
    return row and row[1]
