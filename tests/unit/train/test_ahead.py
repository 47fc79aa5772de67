"""Work for later steps: in order, each once, and no more than was asked for."""

from collections.abc import Iterator

import pytest

from synth.train.ahead import Ahead, Pending


def worked(log: list[str]) -> Iterator[int | None]:
    for item in range(4):
        log.append(f"begin {item}")
        yield None
        log.append(f"end {item}")
        yield item


def waiting(times: int) -> Pending[str]:
    """Done when it was asked so many times."""
    left = iter([False] * times)
    return Pending(is_done=lambda: next(left, True), result=lambda: "sum")


def test_a_rank_that_does_not_wait_works_when_it_is_asked() -> None:
    log: list[str] = []
    ahead = Ahead(worked(log), most=2)
    ahead.work_during(Pending.done("sum"))
    assert log == []
    assert ahead.next() == 0
    assert log == ["begin 0", "end 0"]


def test_a_rank_that_waits_works_piece_by_piece() -> None:
    log: list[str] = []
    ahead = Ahead(worked(log), most=2)
    ahead.work_during(waiting(3))
    assert log == ["begin 0", "end 0", "begin 1"]
    assert [ahead.next() for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(IndexError):
        ahead.next()


def test_no_more_is_made_than_may_be_held() -> None:
    log: list[str] = []
    ahead = Ahead(worked(log), most=2)
    ahead.work_during(waiting(1000))
    assert log[-1] == "end 1"
    assert [ahead.next() for _ in range(4)] == [0, 1, 2, 3]
    ahead.work_during(waiting(1000))  # nothing is left to do


def test_what_follows_a_sum_waits_for_it() -> None:
    pending = waiting(1).then(str.upper)
    assert [pending.is_done(), pending.is_done()] == [False, True]
    assert pending.result() == "SUM"
