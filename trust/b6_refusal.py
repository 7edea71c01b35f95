"""B6 through the store: an approval of one plan is of no use for any other. Changed plans against consume, use and execute.

Used by trust/b6.py. The approval is real, approved and in time; only the plan differs, as if somebody had written another one
into the database.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from bot.errors import CountersignError
from bot.plan import Plan
from bot.stages.permission import use_approvals
from bot.store import approvals
from bot.store.runs import RUN, Run
from guards.decision import Decision
from trust.b2_installation import folder
from trust.b2_world import Shop, Stage
from trust.b5_race import crowd
from trust.b6_mutations import Changer

ASKED = Decision("ask", (), (), ())


@dataclass(slots=True)
class Refused:
    """tried: how many changed plans. told: what was not refused, with the changed plan."""

    tried: int = 0
    executed: int = 0
    told: list[str] = field(default_factory=list)


class _Undo(Exception):
    """Roll back: every plan meets the same approval."""


def search(seed: int, numbers: range) -> Refused:
    """As many changed plans as there are numbers; every tenth through the whole of execute as well."""
    return asyncio.run(_search(seed, numbers))


async def _search(seed: int, numbers: range) -> Refused:
    found = Refused()
    async with folder() as where:
        shop = await Shop.open(where)
        stage, run = await approved(shop)
        changer = Changer(run.plan.model_dump(mode="json"))
        control = await use(stage, run, run.plan)
        if control != (True, ""):
            found.told.append(f"the approved plan itself was refused: {control}")
        for number in numbers:
            dice = Random(f"{seed}/refusal/{number}")  # noqa: S311  # reason: cases must come again with their seed
            plan = changed(changer, run.plan, dice)
            found.tried += 1
            consumed, refused = await use(stage, run, plan)
            if consumed or refused != "plan_changed":
                found.told.append(f"{number}: consumed {consumed}, use_approvals said {refused or 'yes'}")
            if number % 10 == 0:
                found.executed += 1
                word = await executed(stage, run, plan)
                if stage.acts:
                    found.told.append(f"{number}: carried out ({word})")
                    break
        await shop.close()
    return found


async def approved(shop: Shop) -> tuple[Stage, Run]:
    """A run at `one` that ana's colleague has approved."""
    stage = Stage(shop, crowd().humans)
    await stage.open()
    await stage.incident("one")
    asker, voter = stage.person("Up9"), stage.person("Up0")
    if asker is None or voter is None:
        raise LookupError("nobody asks")
    _, run = await stage.ask("one", asker)
    if run is None:
        raise LookupError("no run opened")
    _, asked, _ = await stage.stored(run.id)
    await stage.click(asked[0][0].id, voter, run.id, approve=True, own_card=True)
    return stage, run


def changed(changer: Changer, plan: Plan, dice: Random) -> Plan:
    """Another plan that is still a plan."""
    while True:
        written = changer.change(dice)
        try:
            made = Plan.model_validate(written)
        except ValidationError:
            continue
        if strict(made) != strict(plan):
            return made


def strict(plan: Plan) -> str:
    """Text that differs whenever anything in the plan does; numbers that are equal in JSON are equal."""
    return json.dumps(_same_numbers(plan.model_dump(mode="json")), sort_keys=True)


def _same_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _same_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_same_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


async def use(stage: Stage, run: Run, plan: Plan) -> tuple[bool, str]:
    """Whether consume takes the plan's digest, and the code of use_approvals for a run with that plan, empty for yes."""
    said: list[tuple[bool, str]] = []
    equipment = stage.equipment
    members = await equipment.groups.resolve(["alpha"])

    def ask(session: Session) -> None:
        approval = approvals.for_run(session, run.id)[0]
        with_plan = replace(run, plan=plan)
        denial = use_approvals(session, with_plan, ASKED, members, equipment.people, stage.now)
        took = approvals.get(session, approval.id)
        used = took is not None and took.state == "consumed"
        said.append(
            (used or approvals.consume(session, approval.id, plan.digest, stage.now), denial.code if denial else "")
        )
        raise _Undo

    try:
        await stage.equipment.store.write(ask)
    except _Undo:
        return said[0]
    raise LookupError("the transaction was not undone")


async def executed(stage: Stage, run: Run, plan: Plan) -> str:
    """What execute says when that plan stands in the database in place of the approved one."""
    table = RUN.update().where(RUN.c.id == run.id)

    async def write(text: str) -> None:
        await stage.equipment.store.write(lambda session: session.connection().execute(table.values(plan=text)))

    await write(plan.model_dump_json())
    try:
        return await stage.dispatch(run.id, len(plan.steps) - 1)
    except (CountersignError, KeyError, IndexError, ValueError) as error:
        return repr(error)  # nothing was carried out, which is what counts here
    finally:
        await write(run.plan.model_dump_json())
        await stage.let_go(run.id)
