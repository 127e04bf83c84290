"""The admin's log-in: number, password and a second factor. factors.py enrols operators and checks codes, totp.py
computes them, site.py and forms.py are the admin site that asks for them.
"""
