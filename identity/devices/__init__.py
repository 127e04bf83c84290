"""SOS credentials: narrow, long-lived, one for each device, so that an expired token never blocks an SOS."""
