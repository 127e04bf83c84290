"""What messaging tells the apps above it, which it does not know."""

from django.dispatch import Signal

# A person pressed the key a call asked for. Sent with `message_id` and `digit`, once for a call, in the transaction
# that records it: a receiver that raises undoes both.
digit_pressed = Signal()

# Messages ended without having arrived, as far as is known: refused, failed, undelivered, expired, unconfirmed. Sent
# with `message_ids` and `now`, after the move and where there is one in its transaction; a receiver must not wait for
# locks, and what it raises undoes its own work only.
not_delivered = Signal()
