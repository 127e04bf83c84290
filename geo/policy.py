"""Limits of positions and zones, each with its reason; what decides presence stands in geo/presence.py."""

from datetime import timedelta

# A phone that was offline for hours uploads a fix every 10 s in a few calls; a request stays short.
MAX_BATCH = 1_000
# 1,000 fixes with every field are about 300 KB.
MAX_BODY = 512 * 1024

# A phone's clock that is off by less is left alone: the difference may be the network's.
SKEW_IGNORED = timedelta(seconds=30)
# A fix that is further ahead says nothing of the phone's clock: it alone is wrong.
AHEAD_AT_MOST = timedelta(days=1)
# Radius in metres: a phone that knows nothing but its country.
WORST_ACCURACY_M = 1_000_000.0

# Positions within this of 0° N 0° E are what receivers without a fix report.
NULL_ISLAND_DEG = 0.001

# A worker that was hinted has this long before the scheduler evaluates by itself.
RESCUE_AFTER = timedelta(seconds=1)
# People in one broker message, and hinted in one pass.
HINT_SIZE = 20
HINT_BATCH = 500
# Fixes evaluated in one transaction: the person's row is locked for some 10 ms.
EVALUATION_STEP = 1_000
# And so many seconds of deciding, then the next transaction goes on: a fix that is uncertain about 100 polygons of 199
# corners takes 11 ms, and 1,000 of them would end the transaction (clock.IDLE_LIMIT) each time.
FOLDING_S = 0.25
# What is older when it arrives is not even evaluated: it could tell nobody anything.
EVALUATED_FOR = timedelta(hours=24)

# A fix this old when it is evaluated is about the past: its events are kept and nobody is texted. Longer than a dead
# spot of the network or a restart of the phone, shorter than what a contact would take for news.
LATE_AFTER = timedelta(minutes=10)
# A zone SMS not sent by then has lost its purpose.
MESSAGE_DEADLINE = timedelta(minutes=15)

# A circle's radius: below it GPS cannot tell, above it the plane that polygons are measured in bends.
MIN_RADIUS_M, MAX_RADIUS_M = 20, 50_000
MAX_VERTICES = 200
MAX_BLUEPRINTS = 50

# One page of history, and one export.
PAGE, MAX_PAGE = 100, 1_000
MAX_EXPORT = 50_000
# The latest so much of a history is looked through first.
HISTORY_SPAN = timedelta(weeks=1)
# Rows deleted in one call: short transactions, and the next call goes on.
RETENTION_STEP = 5_000
