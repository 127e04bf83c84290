"""Takes queued messages to the provider. dispatch.py grants the sender's slots (pacing.py) to the most urgent messages.
claims.py gives each message to one process, courier.py sends its request, outcomes.py writes the outcome. sweeping.py
finds messages that a dead process left behind. outages.py leaves out, for a while, a sender that failed.
"""
