"""The log of an alert: entries are written with each step (journal.py), get their place and hash within seconds
(sealing.py) in a chain that shows every later change (chain.py).
"""
