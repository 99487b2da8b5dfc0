"""Several servers: each objective is read from its own, and none hides the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slo.errors import Problem, SourceError, SourceUnreachableError, SpecError
from slo.objective import Objective
from slo.source.fleet import Fleet
from slo.source.many import ManySources
from slo.source.prometheus import PrometheusSource
from slo.source.protocol import Measured, Progress
from slo.window import Interval
from tests.arithmetic.objectives import objective
from tests.support.prometheus import free_port

SPAN = Interval(0, 10)


class Given:
    """A source that gives nothing, or raises what it is told; it tells what it was asked for."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[str] = []

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        self.asked += [one.id for one in objectives]
        progress(0.5)
        if self.failure:
            raise self.failure
        return {one.id: Measured({}) for one in objectives}


def named(name: str, server: str) -> Objective:
    return objective(name=name, prometheus=server)


def test_each_objective_is_read_from_the_server_that_it_names() -> None:
    unnamed, eu, us = Given(), Given(), Given()
    wanted = [named("a", "eu"), named("b", ""), named("c", "eu"), named("d", "us")]
    found = ManySources({"": unnamed, "eu": eu, "us": us}).events(wanted, [SPAN] * 4, lambda _: None)
    assert list(found) == [one.id for one in wanted]
    assert (unnamed.asked, eu.asked, us.asked) == (["cloudshop/b"], ["cloudshop/a", "cloudshop/c"], ["cloudshop/d"])


def test_a_server_that_fails_hides_no_other() -> None:
    down = SourceUnreachableError("eu is down")
    sources = ManySources({"": Given(), "eu": Given(down)})
    found = sources.events([named("a", "eu"), named("b", ""), named("c", "no")], [SPAN] * 3, lambda _: None)
    assert found["cloudshop/a"] is down
    assert isinstance(found["cloudshop/b"], Measured)
    assert "there is no server 'no'" in str(found["cloudshop/c"])


def test_problems_of_all_servers_are_told_at_once() -> None:
    problems = [Problem(f"cloudshop/{name}", 0, 0, "sli", "no bucket") for name in "ab"]
    sources = ManySources({name: Given(SpecError([one])) for name, one in zip(("eu", "us"), problems, strict=True)})
    with pytest.raises(SpecError) as caught:
        sources.events([named("a", "eu"), named("b", "us")], [SPAN, SPAN], lambda _: None)
    assert caught.value.problems == tuple(problems)


def test_progress_of_several_servers_rises_to_one() -> None:
    told: list[float] = []
    sources = ManySources({"eu": Given(), "us": Given(), "": Given(SourceUnreachableError("down"))})
    sources.events([named("a", "eu"), named("b", "us"), named("c", "")], [SPAN] * 3, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_nothing_wanted_is_nothing_found() -> None:
    assert ManySources({}).events([], [], lambda _: None) == {}


def test_two_real_servers_of_which_one_is_down(fleet_url: str, known_fleet: Fleet) -> None:
    interval = Interval(known_fleet.spec.start, known_fleet.spec.start + 60)
    down = PrometheusSource(f"http://127.0.0.1:{free_port()}")
    sources = ManySources({"": PrometheusSource(fleet_url), "eu": down})
    found = sources.events([named("a", "eu"), named("b", "")], [interval] * 2, lambda _: None)
    assert isinstance(found["cloudshop/a"], SourceUnreachableError)
    measured = found["cloudshop/b"]
    assert isinstance(measured, Measured)
    assert measured.groups[()].within(interval).total > 0
