"""Live positions of an alert: read from phones that are late, repeat themselves or have a wrong clock, and kept in the
order they were recorded (track.py).
"""
