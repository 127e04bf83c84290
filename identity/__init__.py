"""People and how they prove who they are. Imports run down this list, never up.

verification, pins   sign-up by SMS code; the safe and the duress PIN
sessions             signing in and out, tokens, passwords
contacts, devices    emergency contacts; SOS credentials of devices
people               names, language, e-mail
api                  what the API of every app uses
models, errors       the tables; the kinds of errors that the domain raises, in every app
"""
