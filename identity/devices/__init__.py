"""SOS credentials: each registered device has a secret that only raises an SOS and adds to it.

The secret does not expire, so no expired access token stops an SOS.
"""
