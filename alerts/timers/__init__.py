"""Activity timers: armed, extended, checked in, ended by their person (lifecycle.py). One that runs out raises exactly
one alert (expiry.py). The phone reports battery and position meanwhile (heartbeats.py). retention.py deletes old ones.
"""
