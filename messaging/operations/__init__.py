"""Operator alarms (alarms.py): a row in the database, an error in the log and, with OPS_EMAILS, a line in an e-mail."""
