"""The contacts' page at /a/<token>, which needs no app, log-in or JavaScript: its facts (content.py) and map (maps.py).

A contact also chooses here which messages to get (choices.py). At /c/<token> a number that somebody added says whether
it wants to be a contact (consent_views.py). linked.py looks up tokens; all wrong tokens get the same response.
"""
