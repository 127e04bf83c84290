"""A person's emergency contacts and their order. The person adds, changes and removes them; a contact may decline."""
