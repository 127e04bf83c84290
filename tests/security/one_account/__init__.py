"""One account, or a stranger, asks for much: what it costs everybody else, and that an SOS is never refused.

Each docstring says what an audit found and what holds now. tests/security/test_worst_account.py shows it all together.
"""
