"""The safe PIN ends an alert, the duress PIN only seems to end it (pins.py). Everything else that weakens protection
needs one too (protected.py, protection.py); signals.py tells of duress. Wrong tries lock both for a while (tries.py).
PINs that anybody would guess are refused (trivial.py). They are set in the room sessions, with the password.
"""
