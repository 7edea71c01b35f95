"""B2 by Hypothesis: the same actions as rules of a state machine, so that what is wrong comes out as a short walk.

Used by trust/b2.py. Seeded and without a database of examples: the same seed looks at the same walks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from trust.b2_actions import ACTIONS
from trust.b2_compare import Action, Walk
from trust.b2_installation import folder
from trust.b2_walk import beginning, helpful
from trust.b2_world import Shop, Stage

STEPS = 30
SMALL = st.integers(0, 63)
FEW = st.integers(0, 7)
OFTEN = ("ask", "ask", "dispatch", "dispatch", "carry", "click")


class Machine(RuleBasedStateMachine):
    """One world and its model. The class is given a runner, a shop and a list for the smallest failure by `search`."""

    runner: asyncio.Runner
    shop: Shop
    tried: int
    smallest: list[str]

    def __init__(self) -> None:
        super().__init__()
        type(self).tried += 1
        self._done: list[str] = []
        model = beginning()
        self._walk = Walk(Stage(self.shop, model.humans), model, Counter())
        self._run(self._walk.stage.open())

    def _run(self, thing: Coroutine[Any, Any, None]) -> None:
        self.runner.run(thing)

    @rule(name=st.sampled_from((*ACTIONS, *OFTEN)), a=SMALL, b=SMALL, c=SMALL)
    def happen(self, name: str, a: int, b: int, c: int) -> None:
        """Something happens."""
        self._do(Action(name, a, b, c))

    @rule(a=FEW, b=FEW)
    def agree(self, a: int, b: int) -> None:
        """Somebody who may answers a question that waits."""
        action = helpful(self._walk.model, a, b)
        if action is not None:
            self._do(action)

    def _do(self, action: Action) -> None:
        self._done.append(str(action))
        self._run(ACTIONS[action.name](self._walk, action))
        if self._walk.told:
            self.smallest[:] = [f"{'; '.join(self._walk.told)}; after {' '.join(self._done)}"]
        assert not self._walk.told  # noqa: S101  # reason: how Hypothesis is told that an example fails


def search(job: tuple[int, int]) -> tuple[int, str]:
    """Look for a walk that goes wrong. job: seed and number of examples. How many were tried, and the smallest."""
    number, examples = job
    configured = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    with asyncio.Runner() as runner:
        place = folder()
        shop = runner.run(_opened(place))
        fields = {"runner": runner, "shop": shop, "tried": 0, "smallest": []}
        machine: Any = seed(number)(type("Seeded", (Machine,), fields))
        try:
            run_state_machine_as_test(machine, settings=configured)
        except AssertionError:
            return machine.tried, machine.smallest[0]
        finally:
            runner.run(_closed(shop, place))
    return machine.tried, ""


async def _opened(place: Any) -> Shop:
    return await Shop.open(await place.__aenter__())


async def _closed(shop: Shop, place: Any) -> None:
    await shop.close()
    await place.__aexit__(None, None, None)
