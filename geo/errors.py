"""Learns how large the errors of a phone's fixes are, from its own fixes while it stands still.

A phone may state no accuracy, a much too good one, or a much too bad one. Three fixes of a phone that stands still form
a zigzag, whose size is the error. Three fixes of a phone that moves lie nearly on a line.
"""

import math
from dataclasses import dataclass, field

from geo.shapes import Point

# A phone reports an error of 3 m when its error is larger. Reflections from buildings shift it by about this much.
LEAST_M = 5.0
# Before anything is learned: the error of a fix that states none, between those of Wi-Fi and GPS.
UNSTATED_M = 50.0
# Errors of fixes closer together than this are nearly the same error.
APART_S = 30.0
# Three fixes over a longer time than this say nothing about one place.
TOGETHER_S = 5_400.0
# A zigzag: the middle fix is further than 1 / ZIGZAG of the whole way off the line, or the whole way is short.
ZIGZAG, SHORT_M = 2.5, 10.0
# The middle fix of three is off the line by this many standard errors of one axis, in the median.
OFF_THE_LINE = 1.44
# Wi-Fi gives the same position again: that is no proof of a small error.
SAME_M = 0.5
WORST_LEARNED_M = 300.0
# The part that one zigzag changes what is known.
LEARNED_EACH = 0.15
# Zigzags after which the learned error counts, and after which it may also shrink a stated one.
ENOUGH, MANY = 4, 10
# The learned error does not see what is common to all fixes of a place. So a fix without accuracy counts as UNSEEN
# times the learned error, from LEAST_UNSTATED_M to MOST_LEARNED_M. A stated accuracy shrinks to at least a half, and to
# no less than FAR_ABOVE times the learned error.
UNSEEN, LEAST_UNSTATED_M, MOST_LEARNED_M = 2.0, 15.0, 60.0
FAR_ABOVE, SHRINKS_TO = 4.0, 0.5


@dataclass(slots=True)
class PhoneErrors:
    """The learned error of one phone: the logarithm of metres, the zigzags so far, and the last three fixes."""

    log_m: float = math.log(30.0)
    zigzags: int = 0
    last: list[tuple[float, Point]] = field(default_factory=list)

    def of(self, stated_m: float | None) -> float:
        """The error in metres that evaluation counts with, for a fix that states the accuracy `stated_m` (None: none
        stated).

        After ENOUGH zigzags the learned error counts if it is larger than the stated accuracy. After MANY it also
        lowers a stated accuracy that is much too large.
        """
        learned_m = math.exp(self.log_m)
        if stated_m is None:
            if self.zigzags < ENOUGH:
                return UNSTATED_M
            return min(max(LEAST_UNSTATED_M, UNSEEN * learned_m), MOST_LEARNED_M)
        if self.zigzags >= ENOUGH and min(learned_m, MOST_LEARNED_M) > stated_m:
            return max(LEAST_M, min(learned_m, MOST_LEARNED_M))
        if self.zigzags >= MANY:
            stated_m = min(stated_m, max(FAR_ABOVE * learned_m, SHRINKS_TO * stated_m))
        return max(LEAST_M, stated_m)

    def learn(self, at: float, position: Point) -> None:
        """Learn from one more fix of `Track.seen`. Leaves out a fix less than APART_S after the last one
        learned from.
        """
        if self.last and at - self.last[-1][0] < APART_S:
            return
        self.last = [*self.last[-2:], (at, position)]
        if len(self.last) == 3 and at - self.last[0][0] <= TOGETHER_S:
            self._learn_from_three()

    def _learn_from_three(self) -> None:
        (first_at, first), (middle_at, middle), (last_at, last) = self.last
        part = (middle_at - first_at) / (last_at - first_at)
        on_the_line = tuple(a + part * (b - a) for a, b in zip(first, last, strict=True))
        off_m, way_m = math.dist(on_the_line, middle), math.dist(first, last)
        error_m = off_m / OFF_THE_LINE
        if error_m < SAME_M or (way_m > ZIGZAG * off_m and way_m >= SHORT_M):
            return
        self.log_m += LEARNED_EACH * (math.log(min(error_m, WORST_LEARNED_M)) - self.log_m)
        self.zigzags += 1
