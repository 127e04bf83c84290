"""PostgreSQL's clock, by which all processes compare times (clock.py), SQL without the ORM (sql.py), the notice that
wakes the schedulers (notices.py), and steps that fail without stopping the rest (each.py).
"""
