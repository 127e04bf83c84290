"""The application's role works with every table and cannot rewrite timelines or the history of consent.

Found by reading: the application owned the tables, so whoever ran statements through it could drop the triggers that
make them append-only.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.checks import run_checks
from django.db import connection
from psycopg import errors, sql

from alerts.models import AlertEvent, EventKind, SosAlert
from alerts.timeline import journal
from config import roles
from geo import partitions
from identity.models import User
from messaging.database import clock

ROLE = "app_of_a_test"

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = [
    "DROP TRIGGER alertevent_append_only ON alerts_alertevent",
    "DROP TRIGGER alertevent_goes_with_its_alert ON alerts_alertevent",
    "DROP TRIGGER consentrecord_append_only ON identity_consentrecord",
    "ALTER TABLE alerts_alertevent DISABLE TRIGGER ALL",
    "ALTER TABLE alerts_alertevent OWNER TO CURRENT_USER",
    "ALTER TABLE identity_consentrecord ADD COLUMN more text",
    "CREATE OR REPLACE FUNCTION alerts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE FUNCTION public.to_jsonb(alerts_alertevent) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
    "CREATE TABLE public.mine (id int)",
    "DELETE FROM alerts_alertevent",
    "DELETE FROM alerts_timelineseal",
    "DELETE FROM identity_consentrecord",
    "UPDATE alerts_alertevent SET data = '{}'",
    "UPDATE alerts_alertevent SET kind = 'resolved'",
    "UPDATE alerts_timelineseal SET alert_id = alert_id",
    "UPDATE identity_consentrecord SET state = 'accepted'",
    "TRUNCATE alerts_alertevent CASCADE",
    "TRUNCATE identity_consentrecord",
    "DROP TABLE alerts_alertevent CASCADE",
    "DELETE FROM django_migrations",
    "SET session_replication_role = replica",
    "SET ROLE {owner}",
    "GRANT DELETE ON alerts_alertevent TO CURRENT_USER; DELETE FROM alerts_alertevent",
    "DROP TABLE geo_fix",
]


@pytest.fixture
def application() -> Iterator[psycopg.Connection[Any]]:
    """A connection of the application's role to the database of the tests."""
    roles._make(ROLE, "")
    roles.grant(ROLE)
    there = connection.settings_dict
    with psycopg.connect(
        host=there["HOST"], port=there["PORT"], dbname=there["NAME"], user=ROLE, autocommit=True
    ) as opened:
        yield opened
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


@pytest.fixture
def event() -> AlertEvent:
    """The first entry of a timeline, which waits for its place in the chain."""
    ana = User.objects.create(phone_number="+996555123456")
    now = clock.now()
    alert = SosAlert.objects.create(owner=ana, created_at=now, updated_at=now)
    journal.record(alert.id, EventKind.RAISED, by=journal.OWNER, now=now)
    return AlertEvent.objects.get()


@pytest.mark.parametrize("statement", REFUSED)
def test_it_rewrites_nothing(statement: str, application: psycopg.Connection[Any], event: AlertEvent) -> None:
    words = statement.replace("{owner}", connection.settings_dict["USER"])
    with pytest.raises((errors.InsufficientPrivilege, errors.DependentObjectsStillExist)):
        application.execute(sql.SQL(words))
    assert AlertEvent.objects.get().kind == event.kind


def test_it_adds_and_seals(application: psycopg.Connection[Any], event: AlertEvent) -> None:
    [added] = application.execute("SELECT count(*) FROM alerts_alertevent").fetchall()
    assert added == (1,)
    application.execute("UPDATE alerts_alertevent SET seq = 1, hash = 'h' WHERE seq IS NULL")
    with pytest.raises(errors.IntegrityConstraintViolation):
        application.execute("UPDATE alerts_alertevent SET seq = 2, hash = 'x'")
    application.execute("SELECT id FROM alerts_alertevent FOR UPDATE")
    application.execute("UPDATE alerts_sosalert SET address = 'x'")
    application.execute("DELETE FROM identity_ratecount")


def test_every_other_table_is_the_applications(application: psycopg.Connection[Any]) -> None:
    wanted = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')
    """
    lacking = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
            AND has_table_privilege(oid, 'DELETE'))
    """
    assert application.execute(wanted).fetchall() == []
    assert {name for (name,) in application.execute(lacking)} == {*roles.APPEND_ONLY, "django_migrations"}


def test_it_makes_and_drops_weeks_and_no_other_table(application: psycopg.Connection[Any]) -> None:
    far = datetime(2041, 5, 6, tzinfo=UTC)
    name = partitions._name(far)
    application.execute("SELECT geo_make_week(%s)", [name])
    application.execute("SELECT geo_make_week(%s)", [name])
    bounds = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s"
    begins = partitions._begin(name)
    [(said,)] = application.execute(bounds, [name]).fetchall()
    assert f"FROM ('{begins:%Y-%m-%d} 00:00:00+00') TO ('{begins + timedelta(weeks=1):%Y-%m-%d} 00:00:00+00')" in said
    # A table of the caller's own is not taken for ours.
    application.execute(f"CREATE TEMPORARY TABLE {name} (id int)")
    application.execute("SELECT geo_drop_week(%s)", [name])
    assert application.execute("SELECT to_regclass('public.' || %s)", [name]).fetchone() == (None,)
    for wrong in ("alerts_alertevent", "geo_fix", "geo_fix_2041_60", "geo_fix_2041_01; DROP TABLE geo_fix", ""):
        with pytest.raises((errors.InvalidParameterValue, errors.InvalidDatetimeFormat, errors.DatetimeFieldOverflow)):
            application.execute("SELECT geo_make_week(%s)", [wrong])
    for wrong in ("alerts_alertevent", "geo_fix", 'geo_fix_2041_01"; --'):
        with pytest.raises(errors.InvalidParameterValue):
            application.execute("SELECT geo_drop_week(%s)", [wrong])


def test_its_password_reaches_the_server_as_a_hash() -> None:
    roles._make(ROLE, "a-password")
    roles._make(ROLE, "another-password")
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword, rolsuper FROM pg_authid WHERE rolname = %s", [ROLE])
        [password, is_superuser] = cursor.fetchone()
        cursor.execute(f"DROP ROLE {ROLE}")
    assert password.startswith("SCRAM-SHA-256$")
    assert not is_superuser


def test_the_deploy_check_warns_of_one_role() -> None:
    """The tests run as the owner of every table."""
    [warning] = [each for each in _checked() if each.id == "config.W001"]
    assert "MIGRATION_DATABASE_URL" in (warning.hint or "")


def test_the_deploy_check_is_content_with_the_applications_role(
    application: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION AUTHORIZATION {ROLE}")
        try:
            assert [each for each in _checked() if each.id == "config.W001"] == []
        finally:
            cursor.execute("RESET SESSION AUTHORIZATION")


def _checked() -> list[Any]:
    return list(run_checks(tags=["database"], include_deployment_checks=True, databases=["default"]))
