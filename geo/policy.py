"""Limits of fixes and zones, each with its reason. The numbers that decide presence are in geo/presence.py,
geo/track.py and geo/errors.py.
"""

from datetime import timedelta

# A phone that was offline for hours, with a fix every 10 s, uploads them in a few requests. A request stays short.
MAX_BATCH = 1_000
# 1,000 fixes with every field are about 300 KB.
MAX_BODY = 512 * 1024

# A phone's clock that is off by less is not corrected: the network may cause the difference.
SKEW_IGNORED = timedelta(seconds=30)
# A fix that is further ahead says nothing about the phone's clock. Only this fix is wrong.
AHEAD_AT_MOST = timedelta(days=1)
# Radius for a phone that knows only its country.
WORST_ACCURACY_M = 1_000_000.0

# Receivers without a fix report positions this close to 0° N 0° E.
NULL_ISLAND_DEG = 0.001

# A worker that was told of a person has this long. Then the scheduler evaluates by itself.
RESCUE_AFTER = timedelta(seconds=1)
# People in one broker message, and in one pass.
HINT_SIZE = 20
HINT_BATCH = 500
# Fixes evaluated in one transaction. The person's row is locked for about 10 ms.
EVALUATION_STEP = 1_000
# Seconds of deciding in one transaction; the next transaction goes on. A fix that is uncertain about 100 polygons of
# 199 corners takes 11 ms. PostgreSQL would end a transaction with 1,000 of them each time (clock.IDLE_LIMIT).
FOLDING_S = 0.25
# A fix that is older on arrival is not evaluated: its events would be told to nobody.
EVALUATED_FOR = timedelta(hours=24)

# Events of a fix that is this old when it is evaluated are stored and texted to nobody. The limit is longer than a dead
# spot of the network or a restart of the phone, and shorter than the age at which a contact would be misled.
LATE_AFTER = timedelta(minutes=10)
# A zone SMS that is not sent within this time has lost its purpose.
MESSAGE_DEADLINE = timedelta(minutes=15)

# A circle's radius. GPS cannot tell a smaller circle. A larger zone does not fit the flat plane of polygons.
MIN_RADIUS_M, MAX_RADIUS_M = 20, 50_000
MAX_VERTICES = 200
MAX_BLUEPRINTS = 50

# Fixes in one page of history (default and most), and in one export.
PAGE, MAX_PAGE = 100, 1_000
MAX_EXPORT = 50_000
# The newest part of a history, which is searched first.
HISTORY_SPAN = timedelta(weeks=1)
# Rows deleted in one call. Transactions stay short, and the next call goes on.
RETENTION_STEP = 5_000
