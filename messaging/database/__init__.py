"""PostgreSQL's clock, which all processes compare times by (clock.py), SQL without the ORM (sql.py), the notice that
wakes the schedulers (notices.py), and steps of which one may fail alone (each.py).
"""
