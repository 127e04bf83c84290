"""Everything the owner's devices are shown of an alert: the sum (reach.py), each SMS and call in words (truth.py,
reasons.py), the timeline. Under duress view.py, notifications.py and timeline.py show the snapshot that the PIN left,
with later moves of messages from feigned.py; even_timing.py keeps response times from telling. obeys_duress.py lists
every rule.
"""
