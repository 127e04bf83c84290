"""Messages to contacts: their notifications and rows of the outbox (notifying.py), their texts in three languages
(texts.py), and the contact's own link in a text (links.py). presses.py holds messages back: from contacts who have not
accepted, and from the fourth alert of an owner in an hour on. untold.py finds the contacts who are not told of duress.
checks.py checks that a link leaves room for a name.
"""
