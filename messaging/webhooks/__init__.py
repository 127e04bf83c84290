"""Twilio's callbacks. signature.py refuses what our account did not sign; the views parse and make one call."""
