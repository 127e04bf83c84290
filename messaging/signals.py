"""What messaging tells the apps above it, which it does not know."""

from django.dispatch import Signal

# A person pressed the key a call asked for. Sent with `message_id` and `digit`, once for a call, in the transaction
# that records it: a receiver that raises undoes both.
digit_pressed = Signal()
