"""SOS credentials: each device has one that only raises an SOS and does not expire, so no expired token blocks it."""
