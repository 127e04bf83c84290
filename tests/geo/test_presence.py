"""Wrong and missed events of generated tracks, beside those of the naive rule in the same run.

Generated tracks have the faults of real ones and a known truth. Real tracks are in test_real_tracks.py.
"""

import random
from collections.abc import Iterable

import pytest

from geo.presence import COOL_DOWN_S, Rule
from geo.track import AGREED_S, DWELL_S, LEAST_MARGIN_M, TrackFix
from tests.geo.tracks import METRES_EAST, Event, moving, naive, replay, standing, track_fix, zone

DISTANCES = (0, 50, 90, 110, 150)


def _standing_events(seeds: Iterable[int], *, hours: float = 8) -> tuple[int, int]:
    """The number of events of our rule and of the naive rule."""
    ours = theirs = 0
    for seed in seeds:
        for distance in DISTANCES:
            track = list(standing(distance, seed=seed, hours=hours))
            ours, theirs = ours + len(replay(zone(), track)), theirs + naive(zone(), track)
    return ours, theirs


def test_who_stands_still_is_not_reported() -> None:
    ours, theirs = _standing_events(range(3))
    assert ours == 0
    assert theirs > 10_000


@pytest.mark.matrix
@pytest.mark.parametrize("part", range(5))
def test_who_stands_still_all_day_is_not_reported(part: int) -> None:
    ours, theirs = _standing_events(range(100 + part * 20, 120 + part * 20))
    print(f"\n100 tracks of 8 h: {ours} events, the naive rule {theirs}")
    assert ours == 0


@pytest.mark.parametrize("sigma_m", [5, 15, 30])
@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_nor_with_better_fixes_or_other_intervals(sigma_m: float, every_s: float) -> None:
    for distance in DISTANCES:
        track = standing(distance, seed=7, hours=1, every_s=every_s, sigma_m=sigma_m)
        assert replay(zone(), track) == [], distance


def test_the_baseline_is_unknown_while_the_boundary_is_nearer_than_the_accuracy() -> None:
    # The first fixes are too vague to decide. Had they been believed, the next would be an exit.
    vague = [track_fix(10 * n, 90, accuracy_m=60) for n in range(20)]
    assert replay(zone(), vague + [track_fix(200 + 10 * n, 400 + 50 * n, accuracy_m=10) for n in range(5)]) == []


SPEEDS = {"walking": (1.4, 10), "cycling": (5, 10), "driving": (14, 10)}


@pytest.mark.parametrize("how", SPEEDS)
@pytest.mark.parametrize("accuracy_m", [5, 10, 15])
@pytest.mark.parametrize("inwards", [False, True])
def test_a_clean_crossing_is_reported_once_when_a_minute_agrees(how: str, accuracy_m: float, inwards: bool) -> None:
    """The minute is counted from the first fix that is further from the boundary than its accuracy."""
    speed, every_s = SPEEDS[how]
    legs = [(0.0, 300.0), (1_000.0, 600.0)]
    journey = list(
        moving(legs[::-1] if inwards else legs, speed_mps=speed, every_s=every_s, sigma_m=accuracy_m, seed=1)
    )
    # The positions are exact, though each reports an error of `accuracy_m`.
    exact = [track_fix(each.at, true, accuracy_m=accuracy_m) for true, each in journey]
    [event] = replay(zone(), exact)
    clear = next(n for n, seen in enumerate(exact) if _is_across(seen, inwards, max(accuracy_m, LEAST_MARGIN_M)))
    assert event.decision.inside is inwards
    assert (event.number - clear) * every_s <= AGREED_S + 2 * every_s
    assert abs(event.decision.crossed_at - exact[clear].at) <= 2 * every_s
    assert naive(zone(), exact) == 1


def _is_across(seen: TrackFix, inwards: bool, margin_m: float) -> bool:
    signed = zone().signed_m(seen.position)
    return signed <= -margin_m if inwards else signed >= margin_m


def test_a_departure_by_car_is_reported_before_a_minute_is_over() -> None:
    drive = [track_fix(5 * n, 0 if n < 20 else 70 * (n - 19)) for n in range(40)]
    [event] = replay(zone(), drive)
    assert event.decision.rule is Rule.CROSSING
    assert drive[event.number].at - event.decision.crossed_at <= 20


def test_a_drive_through_a_zone_is_no_visit() -> None:
    assert replay(zone(), [track_fix(n, 14 * (n - 100)) for n in range(200)]) == []


@pytest.mark.parametrize("inwards", [False, True])
def test_a_noisy_crossing_is_reported_once_within_twice_the_dwell_time(inwards: bool) -> None:
    for seed in range(20):
        legs = [(0.0, 900.0), (1_000.0, 900.0)]
        journey = list(moving(legs[::-1] if inwards else legs, speed_mps=1.4, every_s=10, sigma_m=60, seed=seed))
        [event] = replay(zone(), [seen for _, seen in journey])
        arrived = next(n for n, (true, _) in enumerate(journey) if (true == 0 if inwards else true > 100))
        assert event.decision.inside is inwards, seed
        assert (event.number - arrived) * 10 <= 2 * DWELL_S, seed


def _with_jumps(track: list[TrackFix], *, seed: int, length: int) -> list[TrackFix]:
    """Every twentieth fix begins a jump of some kilometres with a reported accuracy of 3 m."""
    chance = random.Random(seed)
    jumped = list(track)
    for start in range(10, len(track) - length, 20):
        east, north = chance.choice([-1, 1]) * chance.uniform(400, 5_000), chance.uniform(-3_000, 3_000)
        for number in range(start, start + length):
            jumped[number] = track_fix(track[number].at, east, north, accuracy_m=3)
    return jumped


@pytest.mark.parametrize("length", [1, 2, 5])
def test_jumps_that_claim_to_be_exact_are_not_believed(length: int) -> None:
    for seed in range(10):
        home = list(standing(0, seed=seed, hours=2, sigma_m=10))
        jumped = _with_jumps(home, seed=seed, length=length)
        assert replay(zone(), jumped) == [], seed
        assert naive(zone(), jumped) >= 50


def test_a_jump_that_stays_is_believed_after_a_while() -> None:
    home = [track_fix(10 * n, 0) for n in range(20)]
    away = [track_fix(200 + 10 * n, 20_000) for n in range(20)]
    [event] = replay(zone(), home + away)
    assert not event.decision.inside
    assert 60 <= away[event.number - 20].at - 200 <= 90


@pytest.mark.parametrize("gap_s", [600, 1_200, 3_600])
def test_a_gap_in_the_track_costs_no_event(gap_s: float) -> None:
    home = [track_fix(10 * n, 0) for n in range(20)]
    away = [track_fix(200 + gap_s + 10 * n, 3_000) for n in range(10)]
    [event] = replay(zone(), home + away)
    assert (event.number - 20) * 10 == AGREED_S


def test_a_fix_every_ten_minutes_is_confirmed_by_the_next() -> None:
    [event] = replay(zone(), [track_fix(600 * n, 0 if n < 5 else 2_000) for n in range(10)])
    assert (event.number, event.decision.rule, event.decision.fixes) == (6, Rule.EVIDENCE, 2)


def test_one_who_comes_back_at_once_is_quiet() -> None:
    """Leave, return and leave again within the cool-down. The second exit is stored, and nobody is texted."""
    legs = [(0.0, 120.0), (500.0, 40.0), (0.0, 70.0), (500.0, 100.0)]
    events = replay(zone(), [seen for _, seen in moving(legs, speed_mps=14, every_s=5, sigma_m=5, seed=3)])
    assert [(e.decision.inside, e.decision.is_quiet) for e in events] == [(False, False), (True, False), (False, True)]
    first, _, last = events
    assert (last.number - first.number) * 5 < COOL_DOWN_S


def test_every_decision_says_why() -> None:
    events: list[Event] = replay(zone(), [track_fix(10 * n, 0 if n < 10 else 600) for n in range(20)])
    [why] = [event.decision for event in events]
    assert why.rule in {Rule.EVIDENCE, Rule.CROSSING}
    assert abs(why.distance_m) > why.margin_m > 0
    assert why.fixes >= 2


def test_the_made_tracks_are_where_they_say() -> None:
    assert pytest.approx(81_700, rel=0.01) == METRES_EAST
    for metres in (0, 90, 100, 110, 5_000):
        assert zone().signed_m(track_fix(0, metres).position) == pytest.approx(metres - 100, rel=0.001, abs=0.1)
