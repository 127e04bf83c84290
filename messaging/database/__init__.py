"""PostgreSQL's clock, by which all processes compare times (clock.py), SQL without the ORM (sql.py), the notice that
wakes the schedulers (notices.py), steps that run although an earlier one failed (each.py), and the last step of a
migration that changed the type of a column: it ends the other connections (plans.py).
"""
