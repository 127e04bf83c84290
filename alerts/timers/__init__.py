"""Activity timers: their owner arms, extends, checks in and ends them (lifecycle.py). A timer nudges its owner before
its end, and raises exactly one alert after its grace period (expiry.py). Meanwhile the phone reports its battery and
position (heartbeats.py). Old timers are purged (retention.py).
"""
