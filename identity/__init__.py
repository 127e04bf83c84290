"""People, and the ways in which they prove who they are. Imports run down this list, never up.

verification, staff  registration by SMS code (CODE_LIFE says how long a code lives); the admin's second factor
sessions             signing in and out, tokens, passwords; setting the PINs, which takes the password
contacts, devices    emergency contacts; SOS credentials of devices
pins                 the safe and the duress PIN
people, names        names, language, e-mail; which names may be stored, and what of them an SMS holds
retention            deletes outdated rows
api                  parts of the API that every app uses
models, errors       the tables; the kinds of errors that the domain of every app raises
"""
