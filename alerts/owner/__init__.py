"""Everything the owner's devices are shown of an alert: the sum (reach.py), each SMS and call in words (truth.py,
reasons.py), the timeline. Under duress all of it passes through view.py and timeline.py, which show an alert that has
ended; even_timing.py keeps response times from telling the two apart.
"""
