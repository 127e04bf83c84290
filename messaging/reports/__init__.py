"""Delivery reports: news of an attempt after its create request. They come late, twice, in any order or never.

delivery_reports.py applies a report. settling.py looks up attempts whose reply was lost, watching.py messages without
a callback. keypad.py takes the key that a person presses in a telephone call.
"""
