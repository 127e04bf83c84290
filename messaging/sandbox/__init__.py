"""A Twilio-compatible server of our own, which sends nothing.

The demo, tests and benchmarks point Twilio's SDK at it.
"""
