"""The log of an alert. Each step of an alert writes an entry in its own transaction (journal.py). Within seconds the
entry gets its place and hash (sealing.py) in a chain that shows every later change (chain.py).
"""
