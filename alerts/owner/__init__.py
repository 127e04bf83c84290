"""Everything the owner's devices are shown of an alert: a summary (reach.py), each SMS and call in words (truth.py,
reasons.py), the timeline. Under duress view.py, notifications.py and timeline.py show the alert ended, from the
snapshot that the PIN left; feigned.py adds later moves of messages. even_timing.py keeps response times from telling
which PIN was typed. obeys_duress.py lists every function that must obey duress.
"""
