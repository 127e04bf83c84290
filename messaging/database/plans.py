"""Ends other connections to the database during a migration that makes their prepared statements wrong.

Processes of the release before run on while the database migrates. If a migration changes the type of a column, each
prepared statement that returns the column fails ("cached plan must not change result type") until its connection ends.
A process opens a new connection after its old one was ended, as after a switch-over of PostgreSQL.
"""

from django.db import migrations

# Connections of roles that this role may not end are left: they belong to other programs.
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND pg_has_role(usesysid, 'MEMBER')
"""


class ForgetPlans(migrations.RunSQL):
    """Ends every other connection to this database that the migrating role may end.

    Make this the last operation of each migration that changes the type of a column. The migration's transaction still
    holds its locks on the tables, so no new connection prepares a statement with the old type.
    """

    def __init__(self) -> None:
        super().__init__(_END_OTHERS, migrations.RunSQL.noop)
