"""SOS credentials: each device has a secret that only raises an SOS. It does not expire, so no expired token blocks an
SOS.
"""
