"""A Twilio-compatible server of our own: demo, tests and benchmarks point the real Twilio SDK at it."""
