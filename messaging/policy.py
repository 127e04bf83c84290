"""The engine's numbers, each with its reason."""

from datetime import timedelta

from messaging.models import MessageClass

# A message not granted by then has lost its purpose and ends `expired`. Codes bring their own deadline.
DEADLINES = {
    MessageClass.EMERGENCY: timedelta(hours=1),
    MessageClass.VERIFICATION: timedelta(minutes=10),
    MessageClass.SAFETY: timedelta(minutes=15),
    MessageClass.ROUTINE: timedelta(hours=24),
}

# Slots are granted at most this far ahead: the longest an emergency waits behind what was granted before it.
HORIZON = timedelta(milliseconds=60)
# Granted later than its slot by more than one slot, or by this, a message reserves a new one: sent at once, what
# a process held while it was frozen would exceed the pace by more than one message or a twentieth of a second.
SLOT_TOLERANCE = timedelta(milliseconds=50)
# One pass hands out at most this many, and leaves no more than this waiting for workers at one sender.
GRANT_BATCH = 500
WAITING_FOR_WORKERS = 2_000
# Messages in one broker message: enough to spread a batch over workers, few enough to amortise the hop.
HINT_SIZE = 50

# An urgent message not claimed this long after its slot is delivered by the scheduler itself.
RESCUE_AFTER = timedelta(seconds=1)
# Any other is, after this: its hint was lost, or every worker is dead.
RESCUE_ROUTINE_AFTER = timedelta(seconds=10)

# The whole call to the provider, however slowly the reply drips, ends within this.
ATTEMPT_TIMEOUT = timedelta(seconds=13)
# What a claim holds a message for, from its slot: the call and the recording of its outcome.
LEASE = timedelta(seconds=15)
# A late message that is not urgent reserves a new slot at most this far ahead, or an emergency would wait behind it.
RESERVE_AHEAD = timedelta(seconds=1)
# A call that would have less than this until the deadline is not begun.
SHORTEST_ATTEMPT = timedelta(seconds=3)

# A look-up this long after the attempt's deadline that does not show the message proves it was not created.
PROOF_AFTER = timedelta(seconds=5)
# With no evidence to be had, an EMERGENCY is sent again this long after becoming unknown.
RESEND_EMERGENCY_AFTER = timedelta(seconds=10)
# In all so many calls for one message whose outcome nobody could find out.
MAX_UNKNOWN_ATTEMPTS = 3
# Anything else ends `unconfirmed` when no look-up answered for this long.
GIVE_UP_LOOKING_AFTER = timedelta(minutes=5)
# A look-up that has not answered by then is asked again.
LOOK_UP_DEADLINE = timedelta(seconds=5)
LOOK_AGAIN_AFTER = timedelta(seconds=2)
# "Not there" is believed only when it comes within this.
PROMPT_ANSWER = timedelta(seconds=2)

# A phone that is off or out of reach is tried again after this.
CARRIER_RETRY = timedelta(seconds=30)

# An accepted or sent message of which no callback tells is looked up after this, then at growing distance.
AWAITING_CALLBACK = timedelta(minutes=2)
WATCH_AT_MOST_EVERY = timedelta(hours=1)
# The provider itself stops trying at the deadline (ValidityPeriod); what it has not finished by then it never will.
NEVER_FINISHED_AFTER = timedelta(minutes=30)

MAX_ATTEMPTS_UNKNOWN_CODE = 3
BACKOFF_CAP = timedelta(seconds=60)
# When the provider is back after an outage, an emergency must not sit out a minute of its own.
URGENT_BACKOFF_CAP = timedelta(seconds=5)
# The operator has to change something first; trying more often tells us nothing new.
CONFIGURATION_RETRY = timedelta(seconds=30)
QUOTA_RETRY = timedelta(minutes=10)

# What one number may get in an hour, by class: beyond it a stolen phone or a loop is more likely than a reason. The
# guide of fifty people whose timers run out together has to be told of every one.
PER_RECIPIENT_AND_HOUR = {
    MessageClass.EMERGENCY: 100,
    MessageClass.VERIFICATION: 10,
    MessageClass.SAFETY: 30,
    MessageClass.ROUTINE: 5,
}
# The part of a sender's day that a class may use up: what is left is the reserve of the more urgent.
SHARE_OF_A_DAY = {
    MessageClass.VERIFICATION: 0.95,
    MessageClass.SAFETY: 0.9,
    MessageClass.ROUTINE: 0.8,
}

# A safety or routine message waits this long for others to the same phone, to become one text with them.
COALESCE = timedelta(milliseconds=1_500)
# How long one transaction waits for another that is writing to the same phone; then they are two texts.
COALESCE_PATIENCE_S = 0.3
# Longer texts are not made by joining: some carriers deliver the parts apart.
COALESCED_SEGMENTS = 3

# A sender that answered with a configuration error is out for so long, twice as long each time it fails again.
OUTAGE = timedelta(minutes=1)
LONGEST_OUTAGE = timedelta(minutes=15)
