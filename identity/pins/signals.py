"""The signal that a PIN was typed, for rooms and apps above this one. Receivers run in the sender's transaction."""

from django.dispatch import Signal

# Sent when a PIN was compared for something that is no alert, with `person_id`, `is_duress`, `settles` and `now`.
# Receivers do the same work for every PIN, so that its duration tells nothing, and take it back unless `is_duress`.
# `settles`: the safe PIN, and no duress PIN was accepted in the hour before. The changes that devices show become true.
pin_typed = Signal()
