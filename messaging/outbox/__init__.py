"""Puts messages into the outbox (outgoing.py). Before that it checks their address (addresses.py, optouts.py) and the
limits (limits.py), chooses the sender (routing.py, senders.py) and joins texts for one phone (coalescing.py).
inserting.py writes the rows, refusals.py names the reasons to refuse.
"""
