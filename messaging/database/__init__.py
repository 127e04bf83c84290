"""PostgreSQL's clock, by which all processes compare times (clock.py), SQL without the ORM (sql.py), the notice that
wakes the schedulers (notices.py), steps that run although an earlier one failed (each.py), and the end of connections
after a migration (plans.py).
"""
