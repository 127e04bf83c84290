"""Sign-up: a code by SMS proves a number (registration.py, codes.py, texts.py). conversion.py alarms the operator when
codes are sent and not typed in, as in SMS pumping.
"""
