"""An alert's life. It is read leniently (intake.py), raised (raising.py), and ended by its person (ending.py), with
duress.py for the duress PIN. status.py holds the table of moves. Drills are in drills.py, false_alarms.py counts
cancelled alerts.
"""
