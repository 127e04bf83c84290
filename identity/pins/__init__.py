"""The safe PIN ends an alert, the duress PIN only seems to end it (pins.py). Everything else that weakens protection
needs a PIN too (protected.py, protection.py); signals.py tells the apps above which PIN was typed. Too many wrong PINs
lock both for a while (tries.py). PINs that are easy to guess are refused (trivial.py). The room sessions sets the PINs.
"""
