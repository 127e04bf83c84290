"""Registration: a code sent by SMS proves the phone number (registration.py, codes.py, texts.py). registration.py says
how long a code lives (CODE_LIFE) and how many tries it has. conversion.py alarms the operator when too few codes are
typed in, which is a sign of SMS pumping.
"""
