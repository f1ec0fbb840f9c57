"""The findings name exactly the answers that break a rule."""

from __future__ import annotations

from tests.support.polled_pages import Answer, Loads, Polled

NOTHING = Loads(0, 0, 0.0)


def answer(sent_at: float, answered_at: float, edition: int, worker: str = "1", n_loads: int = 0) -> Answer:
    return Answer(sent_at, answered_at, "/", worker, edition, Loads(n_loads, 1, 0.5 * n_loads))


def polled(*answers: Answer) -> Polled:
    """Edition N was committed at the clock 10 * N."""
    return Polled(answers, {1: 10.0, 2: 20.0, 3: 30.0}, {"1": NOTHING, "2": NOTHING})


def test_an_older_page_of_the_same_worker_is_a_step_back() -> None:
    newer, older = answer(21, 22, 2), answer(23, 24, 1)
    assert polled(older, newer).steps_back() == [(newer, older)]


def test_two_requests_at_the_same_time_have_no_order() -> None:
    assert not polled(answer(21, 23, 2), answer(22, 24, 1)).steps_back()


def test_workers_may_differ_from_each_other() -> None:
    assert not polled(answer(21, 22, 2, worker="1"), answer(23, 24, 1, worker="2")).steps_back()


def test_a_step_back_is_found_behind_others() -> None:
    newer, older = answer(31, 32, 3), answer(35, 36, 2)
    assert polled(answer(11, 12, 1), newer, answer(33, 34, 3), older).steps_back() == [(newer, older)]


def test_a_page_ages_from_the_commit_of_the_next_edition() -> None:
    found = polled(answer(15, 16, 1), answer(22, 25, 1), answer(35, 36, 3))
    assert found.ages_when_sent() == [0, 2, 0]
    assert found.ages_when_answered() == [0, 5, 0]


def test_loads_are_those_of_every_worker_since_the_beginning() -> None:
    found = polled(
        answer(11, 12, 1, n_loads=1), answer(13, 14, 1, n_loads=3), answer(11, 13, 1, "2", n_loads=4)
    )
    assert found.loads() == Loads(7, 2, 3.5)
