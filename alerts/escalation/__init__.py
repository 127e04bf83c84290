"""Calls and reminders when nobody answers an alert. The escalation policy is the default (policy.py) or the person's
own (personal.py). plan.py writes its steps as rows with due times, steps.py takes the steps that are due, and
answers.py stops them when a contact is on the way (two contacts under duress).
"""
