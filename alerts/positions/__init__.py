"""Live positions of an alert, in the order of the fixes' times (track.py).

Phones send fixes late, twice and with a wrong clock; geo/reading.py reads them.
"""
