"""Frame times: kept where a file tells the truth, repaired where it does not."""

from fractions import Fraction

import pytest

from sam2_demo.video.times import exact_rate, frame_times

MS = Fraction(1, 1000)


def test_true_stamps_are_kept_relative_to_the_first() -> None:
    times = frame_times([1000, 1033, 1200, 1233], MS, Fraction(30))
    assert times.ticks == (0, 33, 200, 233)
    assert times.time_base == MS
    assert not times.repaired
    assert times.fps == pytest.approx(3 / 0.233)


def test_negative_first_stamp() -> None:
    assert frame_times([-40, 0, 40], MS, None).ticks == (0, 40, 80)


@pytest.mark.parametrize(
    ("stamps", "ticks"),
    [
        ([0, 40, 40, 120], (0, 40, 80, 120)),
        ([0, 40, None, 120], (0, 40, 80, 120)),
        ([0, 40, 80, 20], (0, 40, 80, 120)),
        ([None, 40, 80, 120], (0, 40, 80, 120)),
        ([0, 9000, 80, 120], (0, 40, 80, 120)),
        ([0, 40, 80, 9000, 160, 200], (0, 40, 80, 120, 160, 200)),
        ([500, 0, 40, 80], (0, 40, 80, 120)),
    ],
)
def test_a_bad_stamp_is_put_between_its_neighbours(stamps, ticks) -> None:
    times = frame_times(stamps, MS, Fraction(25))
    assert times.ticks == ticks
    assert times.time_base == MS
    assert times.repaired


def test_more_frames_than_ticks_get_finer_ticks() -> None:
    times = frame_times([0, 1, 1, 1, 2, 3, 4, 5], MS, None)
    seconds = [tick * times.time_base for tick in times.ticks]
    assert seconds == sorted(set(seconds))
    assert (seconds[1], seconds[4], seconds[-1]) == (MS, 2 * MS, 5 * MS)


@pytest.mark.parametrize("stamps", [[None] * 4, [5, 5, 5, 5], [4, 3, 2, 1]])
def test_useless_stamps_give_even_times(stamps) -> None:
    times = frame_times(stamps, MS, Fraction(30000, 1001))
    assert times.repaired
    assert [tick * times.time_base for tick in times.ticks] == [
        index * Fraction(1001, 30000) for index in range(4)
    ]


@pytest.mark.parametrize("rate", [None, Fraction(0), Fraction(1, 5000), Fraction(90000)])
def test_an_absurd_rate_is_not_believed(rate: Fraction | None) -> None:
    assert frame_times([None, None, None], MS, rate).fps == pytest.approx(25)


def test_a_single_picture() -> None:
    times = frame_times([None], None, None)
    assert times.ticks == (0,)
    assert times.fps == 1.0


def test_the_last_frame_has_its_own_length_or_the_mean() -> None:
    assert frame_times([0, 100, 200], MS, None, hold=3000).end_s == Fraction(16, 5)
    assert frame_times([0, 100, 200], MS, None).end_s == Fraction(3, 10)
    assert frame_times([5], MS, None).end_s == 1
    assert frame_times([0, None, 2], Fraction(1), None, hold=7).end_s == 9


def test_a_part_ends_where_the_next_frame_begins() -> None:
    times = frame_times([0, 100, 350, 400], MS, None, hold=600)
    assert (times.part(range(1, 2)).ticks, times.part(range(1, 2)).end) == ((0,), 250)
    assert (times.part(range(2, 4)).ticks, times.part(range(2, 4)).end) == ((0, 50), 650)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60), 15])
@pytest.mark.parametrize("base", [MS, Fraction(1, 16_000)])
def test_a_steady_rate_is_restored_from_rounded_times(rate: Fraction, base: Fraction) -> None:
    stamps = [round(1000 * index / rate) * int(MS / base) for index in range(40)]
    times = frame_times(stamps, base, Fraction(rate))
    assert times.is_steady
    assert Fraction(1, times.ticks[1] - times.ticks[0]) / times.time_base == rate
    assert times.fps == pytest.approx(float(rate), rel=1e-9)


def test_a_standard_rate_need_not_be_stated() -> None:
    stamps = [round(1001 * index / 30) for index in range(90)]
    for stated in (None, Fraction(0), Fraction(1000), Fraction(37, 7)):
        assert frame_times(stamps, MS, stated).time_base == Fraction(1, 30_000)


def test_a_stated_rate_of_nearly_nothing_is_not_believed() -> None:
    times = frame_times([0, 3, 10], Fraction(1, 100), Fraction(1, 5000))
    assert times.ticks == (0, 3, 10)


def test_a_last_frame_that_is_held_longer_is_not_steady() -> None:
    stamps = [round(1000 * index / 30) for index in range(40)]
    usual, held = (frame_times(stamps, MS, Fraction(30), hold=hold) for hold in (33, 1500))
    assert (usual.is_steady, usual.end_s) == (True, Fraction(40, 30))
    assert (held.is_steady, held.end_s) == (False, Fraction(39, 30) + Fraction(3, 2))
    assert not frame_times([0, 40, 80], MS, None, hold=3000).is_steady


def test_a_frame_that_is_missing_is_no_rounding() -> None:
    stamps = [round(1000 * index / 30) for index in range(40) if index != 7]
    times = frame_times(stamps, MS, Fraction(30))
    assert times.ticks == tuple(stamps)
    assert not times.is_steady


def test_times_that_a_container_could_have_kept_are_meant() -> None:
    hundredth = Fraction(1, 100)
    assert frame_times([0, 2, 5], hundredth, Fraction(40)).ticks == (0, 2, 5)
    assert frame_times([0, 1, 3, 4], MS, Fraction(1000)).ticks == (0, 1, 3, 4)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(29.97, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001)), (30, 30), (12.5, 12.5)],
)
def test_a_rounded_rate_is_the_one_that_it_means(fps: float, rate: Fraction) -> None:
    assert exact_rate(fps) == rate
