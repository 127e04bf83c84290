"""Later news of a call: callbacks (delivery_reports.py), look-ups of calls whose reply was lost (settling.py) and of
messages that stay open (watching.py), keys pressed in a call (keypad.py). News comes in any order, twice, or never.
"""
