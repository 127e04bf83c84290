"""Twilio's callbacks. signature.py refuses requests that our account did not sign; the views pass the rest on."""
