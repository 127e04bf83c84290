"""How a message gets into the outbox (outgoing.py): where it may go (addresses.py, optouts.py), how much of it
(limits.py), by which sender (routing.py, senders.py), joined with another or not (coalescing.py), inserted
(inserting.py), or why it is refused (refusals.py).
"""
