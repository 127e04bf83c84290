"""Operator alarms (alarms.py): a row, an error in the log, a mail."""
