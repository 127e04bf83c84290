"""A person's emergency contacts and their order (contacts.py). Each number is asked for its consent (consent.py) by an
SMS (texts.py) with a link (links.py). The person adds, changes and removes contacts; only the number itself accepts or
declines. farewell.py texts a number that it is no contact any more; kept.py hides contacts removed under duress.
"""
