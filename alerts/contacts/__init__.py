"""Everything contacts are sent: one notification and one message each (notifying.py), their words in three languages
(texts.py), and the personal link in them (links.py). A check at start says when a link leaves no room (checks.py).
"""
