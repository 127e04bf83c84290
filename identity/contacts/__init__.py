"""A person's emergency contacts, in the order they are told: added, changed, removed, declined by themselves."""
