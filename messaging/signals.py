"""Signals that messaging sends and the apps above it receive: a person pressed a key in a call; messages did not
arrive. messaging does not import these apps.
"""

from django.dispatch import Signal

# A person pressed the key that a call asked for. Sent once for each call, with `message_id` and `digit`, in the
# transaction that stores the key: a receiver that raises undoes both.
digit_pressed = Signal()

# Messages ended and, as far as is known, did not arrive: refused, failed, undelivered, expired or unconfirmed. Sent
# with `message_ids` and `now` after the move, inside its transaction if there is one. A receiver must not wait for
# locks. An error in a receiver undoes only the receiver's own work.
not_delivered = Signal()
