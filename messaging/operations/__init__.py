"""Operator alarms (alarms.py): each is a row in the database, an error in the log and a line in an e-mail."""
