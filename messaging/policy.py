"""The time-outs and limits of messaging, each with its reason.

How long a code of a registration lives is not here: CODE_LIFE in identity/verification/registration.py.
"""

from datetime import timedelta

from messaging.models import MessageClass

# The deadline of a message that is queued without one, counted from that moment. A message without a slot by then has
# lost its purpose and ends `expired`. A registration queues each code with the end of the code's life.
DEFAULT_DEADLINES = {
    MessageClass.EMERGENCY: timedelta(hours=1),
    MessageClass.VERIFICATION: timedelta(minutes=10),
    MessageClass.SAFETY: timedelta(minutes=15),
    MessageClass.ROUTINE: timedelta(hours=24),
}

# Slots are granted at most this far ahead, so an emergency waits at most this long behind messages granted before it.
HORIZON = timedelta(milliseconds=60)
# A slot is missed after this delay, or after one slot's time if that is longer. The message then reserves a new slot.
# Otherwise a process that wakes from a freeze would send all its messages at once, far above the pace.
SLOT_TOLERANCE = timedelta(milliseconds=50)
# The most messages that get a slot at one sender in one pass, which holds the sender's row meanwhile.
GRANT_BATCH = 500
# Messages of one sender that may wait for workers. Beyond this only urgent messages get slots: an unpaced sender would
# otherwise fill the broker with its whole backlog.
WAITING_FOR_WORKERS = 2_000
# Messages in one broker message: few enough to spread a batch over the workers, and enough to make the broker's cost
# for each of them small.
HINT_SIZE = 50

# The scheduler itself delivers an urgent message that no worker has claimed this long after its slot.
RESCUE_AFTER = timedelta(seconds=1)
# It delivers any other message after this: the hint was lost, or all workers are dead.
RESCUE_ROUTINE_AFTER = timedelta(seconds=10)

# One attempt, from the connection to the last byte of the reply, ends within this, even if the reply comes slowly.
ATTEMPT_TIMEOUT = timedelta(seconds=13)
# A claim holds a message for this long after its slot: the attempt, and the writing of its outcome.
LEASE = timedelta(seconds=15)
# A message that is not urgent and missed its slot reserves a new one at most this far ahead. An emergency would have to
# wait behind it.
RESERVE_AHEAD = timedelta(seconds=1)
# An attempt with less time than this before its end is not begun, because its reply could come after the end.
SHORTEST_ATTEMPT = timedelta(seconds=3)

# A look-up this long after an attempt's end that does not show the message proves that it was not created.
PROOF_AFTER = timedelta(seconds=5)
# An EMERGENCY in state `unknown` is sent again after this, if neither callback nor look-up reports on it.
RESEND_EMERGENCY_AFTER = timedelta(seconds=10)
# At most this many attempts per EMERGENCY while none of their outcomes is known.
MAX_UNKNOWN_ATTEMPTS = 3
# Any other message ends `unconfirmed` when no look-up has reported on it for this long.
GIVE_UP_LOOKING_AFTER = timedelta(minutes=5)
# A look-up fails if its reply does not come within this.
LOOK_UP_DEADLINE = timedelta(seconds=5)
# The next look-up follows a failed one after this.
LOOK_AGAIN_AFTER = timedelta(seconds=2)
# A look-up's "not there" is believed only if the reply comes within this. A provider that recovers from an overload may
# still hold requests that it has not worked off.
PROMPT_REPLY_WITHIN = timedelta(seconds=2)

# The next attempt follows a carrier's temporary failure after this: the phone is off or out of reach.
CARRIER_RETRY = timedelta(seconds=30)

# An accepted or sent message is looked up when no callback has come for this long, and then again at growing distances.
AWAITING_CALLBACK = timedelta(minutes=2)
# The longest distance between two of these look-ups.
WATCH_AT_MOST_EVERY = timedelta(hours=1)
# The provider itself stops trying at the message's deadline (Twilio's ValidityPeriod). A message that is unfinished
# this long after its deadline will never be finished, and ends `unconfirmed`.
NEVER_FINISHED_AFTER = timedelta(minutes=30)

# A message ends `failed` after this many attempts that the provider refused with a code that our table does not have.
MAX_ATTEMPTS_UNKNOWN_CODE = 3
# The longest wait between two attempts of a message that is not urgent.
BACKOFF_CAP = timedelta(seconds=60)
# The same for an urgent message: when the provider is back after an outage, an emergency must not wait a minute.
URGENT_BACKOFF_CAP = timedelta(seconds=5)
# The wait after a configuration error; for an urgent message also after the account's daily limit was reached. The
# operator has to change something first, so trying more often is of no use.
CONFIGURATION_RETRY = timedelta(seconds=30)
# The wait after the account's daily limit was reached, for messages that are not urgent. It is also the sender's first
# outage.
QUOTA_RETRY = timedelta(minutes=10)

# Messages of one cause to one address in an hour, by channel and class. More of them come rather from a stolen phone or
# a loop than from a real need. An address that has not confirmed the cause gets no more than this from all causes.
PER_RECIPIENT_AND_HOUR = {
    MessageClass.EMERGENCY: 100,
    MessageClass.VERIFICATION: 10,
    MessageClass.SAFETY: 30,
    MessageClass.ROUTINE: 5,
}
# Messages of one cause to one address in an hour for which no ceiling holds, by channel: like an alert's first SMS. An
# account reaches it only with alerts that stay open: their contacts are told already (alerts/contacts/presses.py).
MOST_DESPITE_CEILINGS = 250
# The part of a sender's daily segments after which a class is not granted. The rest is for more urgent classes.
SHARE_OF_A_DAY = {
    MessageClass.VERIFICATION: 0.95,
    MessageClass.SAFETY: 0.9,
    MessageClass.ROUTINE: 0.8,
}

# A safety or routine message waits this long for others to the same phone, so that they become one SMS.
COALESCE = timedelta(milliseconds=1_500)
# A transaction waits at most this many seconds for another one that writes to the same phone; then two SMS are sent.
COALESCE_PATIENCE_S = 0.3
# Segments of a joined text, at most: some carriers deliver the parts of longer texts one by one.
COALESCED_SEGMENTS = 3

# A sender that failed with a configuration error is out for this long. Each time it fails again, the outage doubles.
OUTAGE = timedelta(minutes=1)
# The longest outage.
LONGEST_OUTAGE = timedelta(minutes=15)
