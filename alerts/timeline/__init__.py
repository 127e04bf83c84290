"""The log of an alert. Each event of an alert writes an entry in the transaction of the event (journal.py). Sealing
(sealing.py), normally within seconds, gives the entry its number and hash in a chain (chain.py). A reader who keeps the
last hash can tell whether an earlier entry was changed.
"""
