"""Calls and reminders when nobody answers: the default plan (policy.py) or the person's own (personal.py), written as
rows with due times (plan.py), taken when due (steps.py), stopped by the first answer (answers.py).
"""
