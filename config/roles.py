"""The application's role in PostgreSQL, the user of DATABASE_URL. It owns no table, so it cannot drop the triggers that
refuse changes of timelines.

`manage.py migrate` and `rotatekeys` run as the owner of the tables (MIGRATION_DATABASE_URL). `migrate` grants the
application's role what it needs. Without MIGRATION_DATABASE_URL one role owns everything, and nothing is granted here.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import connection, transaction
from psycopg import errors, sql

# Tables to which the application's role only adds rows, and the columns of theirs that it may change.
APPEND_ONLY: dict[str, Sequence[str]] = {
    "alerts_alertevent": ("seq", "hash"),  # Sealing gives an entry its place in the chain.
    "alerts_timelineseal": ("entries", "head", "due_at"),
    "identity_consentrecord": (),
}
_GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role};
"""
# Releases of PostgreSQL before 15 let every role make tables and functions, and so things that the owner would run.
_CLOSE = "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
_OWNS = """
SELECT count(*) FROM pg_class JOIN pg_roles owner ON owner.oid = relowner
WHERE relname = ANY(%s) AND pg_has_role(current_user, owner.oid, 'USAGE')
"""


def prepare_application_role(**_: Any) -> None:
    """After a migration by the owner: make the application's role, if it is not there, and grant what it needs."""
    application = settings.APPLICATION_DATABASE
    if application and application["USER"] != connection.settings_dict["USER"]:
        _make(application["USER"], application["PASSWORD"])
        grant(application["USER"])


def grant(role: str) -> None:
    """Let the role read and change the tables, but change in APPEND_ONLY tables only the columns named there.

    One transaction does it, so running processes never miss a right. If the owner may, it also takes from every role
    the right to create tables and functions in `public`.
    """
    name = sql.Identifier(role)
    statements = [sql.SQL(_GRANTS).format(role=name)]
    for table, columns in APPEND_ONLY.items():
        words = {"table": sql.Identifier(table), "role": name, "columns": _listed(columns)}
        statements.append(sql.SQL("REVOKE UPDATE, DELETE ON {table} FROM {role}").format(**words))
        if columns:
            statements.append(sql.SQL("GRANT UPDATE ({columns}) ON {table} TO {role}").format(**words))
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(_text(statement))
        cursor.execute("SELECT has_schema_privilege('public', 'CREATE WITH GRANT OPTION')")
        if cursor.fetchone() == (True,):
            cursor.execute(_CLOSE)


def application_owns_nothing(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A check of `manage.py check --deploy`: warns if the application's role owns APPEND_ONLY tables or is a superuser.

    It asks the database only with `--database default`.
    """
    if not databases or "default" not in databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OWNS, [list(APPEND_ONLY)])
        [owned] = cursor.fetchone() or [0]
    if not owned:
        return []
    return [
        CheckWarning(
            "The role of DATABASE_URL owns the timelines and the history of consent, and so could change them.",
            hint='Set MIGRATION_DATABASE_URL for manage.py migrate (docs/running.md, "Roles of the database").',
            id="config.W001",
        )
    ]


def _make(role: str, password: str) -> None:
    """Make the role, unless it exists.

    The server is sent only a hash of the password, because it may log the statement.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone():
            return
        made = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role))
        if password:
            raw: Any = cursor.connection
            hashed = raw.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            made += sql.SQL(" PASSWORD {}").format(sql.Literal(hashed.decode()))
        try:
            with transaction.atomic():
                cursor.execute(_text(made))
        except Exception as error:
            if not isinstance(error.__cause__, errors.DuplicateObject):  # Another migration made it at this moment.
                raise


def _listed(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _text(statement: sql.Composable) -> str:
    return statement.as_string(None)
