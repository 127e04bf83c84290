#!/usr/bin/env python
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["demo"]:
        # The embedded mode brings its own PostgreSQL and settings, which must exist before Django reads them.
        from config.demo import embedded

        embedded.prepare()
    if sys.argv[1:2] == ["verifyexport"]:
        # For people who have an export and nothing else: no settings are read.
        from alerts.exports.__main__ import main as verify

        sys.exit(verify(sys.argv[2:], program="manage.py verifyexport"))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
