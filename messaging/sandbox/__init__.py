"""A Twilio-compatible server of our own. The demo, tests and benchmarks point Twilio's real SDK at it."""
