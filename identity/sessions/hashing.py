from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id as OWASP's Password Storage Cheat Sheet asks (19 MiB, 2 passes, 1 lane).

    Django's own default (100 MiB, 8 lanes) takes five times the processor time: a burst of sign-ins on a small
    machine would hold up an SOS.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
