"""An alert's life. intake.py reads a press and refuses none, raising.py raises the alert, ending.py ends it for its
owner, duress.py pretends to end it for the duress PIN. silent.py raises alerts that the owner's devices never show.
status.py holds the table of moves. drills.py is about drills, false_alarms.py counts cancelled alerts.
"""
