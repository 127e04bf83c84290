"""The contacts' page at /a/<token>, which needs no app, log-in or JavaScript: its facts (content.py) and map (maps.py).

A contact also chooses here which messages to get (choices.py). linked.py looks up the token of each URL, and gives one
response to all wrong tokens.
"""
