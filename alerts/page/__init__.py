"""The contacts' page at /a/<token>, without app, log-in or JavaScript: its facts (content.py), map (maps.py), what the
contact may choose for later alerts (choices.py). linked.py looks the token up and answers every wrong one alike.
"""
