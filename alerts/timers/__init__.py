"""Activity timers: their owner arms, extends, checks in and ends them (lifecycle.py). A timer nudges its owner before
its end. After its grace period it raises one alert, or joins its owner's open alert (expiry.py). Meanwhile the phone
reports its battery and position (heartbeats.py). Old timers are purged (retention.py).
"""
