from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with the parameters of OWASP's Password Storage Cheat Sheet (19 MiB, 2 passes, 1 lane).

    Django's default (100 MiB, 8 lanes) takes five times the processor time: on a small machine, a burst of sign-ins
    would delay an SOS.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
