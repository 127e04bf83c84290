"""Messages to contacts: one notification and one message each (notifying.py), their texts in three languages
(texts.py), and the personal link in a text (links.py). Contacts who have not accepted, and
accounts that raise alert after alert, get less (presses.py).
A check at start fails if a link leaves no room for a name (checks.py).
"""
