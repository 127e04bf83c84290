"""Everything the owner's devices show of an alert: the sum (reach.py), each SMS and call in words (truth.py,
reasons.py), the timeline. Under duress view.py, notifications.py and timeline.py show an alert that has ended, with the
moves of messages from feigned.py. even_timing.py keeps the time of a response from telling which PIN it was.
obeys_duress.py lists every rule.
"""
