"""From a due row to the provider and back: slots by pace and urgency (pacing.py, dispatch.py), one claimer (claims.py),
the event loop that calls (courier.py), the result (outcomes.py). sweeping.py finds lost hints and ended leases.
outages.py takes out a sender that fails.
"""
