"""Ends the connections whose prepared statements a migration makes wrong.

Processes of the release before run on while the database migrates. A statement that they have prepared fails for good
when a migration changes the type of a column that it returns ("cached plan must not change result type"). A connection
that was ended is made anew, as after a switch-over of PostgreSQL.
"""

from django.db import migrations

# Connections of roles that this role may not end are left: they belong to other programs.
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND pg_has_role(usesysid, 'MEMBER')
"""


class ForgetPlans(migrations.RunSQL):
    """Make this the last operation of each migration that changes the type of a column.

    The migration's transaction still holds its tables, so no new connection prepares a statement with the old type.
    """

    def __init__(self) -> None:
        super().__init__(_END_OTHERS, migrations.RunSQL.noop)
