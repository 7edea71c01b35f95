"""guards/chain.py: collecting, deciding, explaining and running."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import itertools
import pickle
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

import guards
from guards.chain import guarded, unguarded
from guards.testing import answer_no, answer_yes, frozen


@dataclass(frozen=True)
class Says:
    """A guard with a fixed answer."""

    verdict: object
    rule: object = "says"

    def check(self, context: guards.Context) -> object:
        return self.verdict

    def inputs(self, context: guards.Context) -> Mapping[str, object]:
        return {"verdict": repr(self.verdict)}


@dataclass(frozen=True)
class Breaks:
    """A guard that fails in one place."""

    where: str

    @property
    def rule(self) -> str:
        if self.where == "rule":
            raise KeyError("rule")
        return "breaks"

    def check(self, context: guards.Context) -> guards.Verdict:
        if self.where == "check":
            raise ZeroDivisionError
        return guards.Allow()

    def inputs(self, context: guards.Context) -> Mapping[str, object]:
        if self.where == "inputs":
            raise OSError("secret")
        return {"x": Unprintable()} if self.where == "repr" else {}


class Unprintable:
    def __repr__(self) -> str:
        raise RecursionError


DENY = guards.Deny("no", "No.", "Do not.")
ASK = guards.Ask("confirmation", "Sure?", 5.0)


class Asker:
    """Says yes and remembers what it was asked."""

    def __init__(self, answer: object = True) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, question: guards.Ask, context: guards.Context) -> bool:
        self.asked.append(question.message)
        return self.answer  # type: ignore[return-value]  # reason: wrong answers are what is tested


def foreign(fn: Callable[..., object]) -> Callable[..., object]:
    """Somebody else's decorator, well behaved."""

    @functools.wraps(fn)
    def logged(*args: object, **kwargs: object) -> object:
        logged.calls += 1  # type: ignore[attr-defined]  # reason: a counter on the function, as loggers do
        return fn(*args, **kwargs)

    logged.calls = 0  # type: ignore[attr-defined]  # reason: as above
    return logged


def hiding(fn: Callable[..., object]) -> Callable[..., object]:
    """Somebody else's decorator without functools.wraps."""

    def hidden(*args: object, **kwargs: object) -> object:
        return fn(*args, **kwargs)

    return hidden


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ([guards.Allow()], "allow"),
        ([guards.Allow(), ASK], "ask"),
        ([DENY, ASK], "deny"),
        ([ASK, guards.Allow(), DENY], "deny"),
    ],
)
def test_refusals_come_before_questions(verdicts: list[object], outcome: str) -> None:
    decision = guards.decide([Says(v) for v in verdicts], frozen(), "abc")
    assert decision.outcome == outcome
    assert len(decision.trace) == len(verdicts)
    assert decision.policy_digest == "abc"
    assert bool(decision.questions) == (outcome == "ask")


def test_no_guards_at_all_is_a_refusal() -> None:
    decision = guards.decide((), frozen())
    assert decision.outcome == "deny"
    assert decision.denials[0].code == "unguarded"
    assert guards.explain(len, frozen()) == decision


def test_equal_questions_are_kept_once_and_in_rule_order() -> None:
    other = guards.Ask("confirmation", "Other?", 5.0)
    decision = guards.decide([Says(ASK, "b"), Says(other, "a"), Says(ASK, "c")], frozen())
    assert [q.message for q in decision.questions] == ["Other?", "Sure?"]
    assert [f.rule for f in decision.trace] == ["a", "b", "c"]


@pytest.mark.parametrize("where", ["rule", "check", "inputs", "repr"])
def test_a_broken_guard_refuses(where: str) -> None:
    decision = guards.decide([Breaks(where)], frozen())
    assert [d.code for d in decision.denials] == ["guard_error"]
    assert "secret" not in repr(decision)
    assert decision.trace[0].rule == ("Breaks" if where == "rule" else "breaks")


@pytest.mark.parametrize(
    "guard",
    [
        Says(True),
        Says(None),
        Says(guards.Allow(), rule=None),
        Says(guards.Ask("confirmation", "?", 0)),
        Says(guards.Ask("confirmation", "?", float("nan"))),
        Says(guards.Ask("confirmation", "?", float("inf"))),
        Says(guards.Ask("wish", "?", 5)),
        Says(guards.Ask("approval", "?", 5)),
        Says(guards.Ask("confirmation", "?", 5, guards.Approvers(1, ("a",)))),
        Says(type("MyAllow", (guards.Allow,), {})()),
        Says(guards.Allow(5)),  # type: ignore[arg-type]  # reason: wrong on purpose
        Says(guards.Deny("no", "No.", None)),  # type: ignore[arg-type]  # reason: wrong on purpose
        object(),
        None,
    ],
    ids=lambda guard: re.sub(" at 0x[0-9a-f]+", "", repr(guard)),  # the same in every process that collects
)
def test_an_answer_that_is_none_of_the_three_refuses(guard: guards.Guard) -> None:
    assert [d.code for d in guards.decide([guard], frozen()).denials] == ["guard_error"]


def test_a_guard_may_give_verdict_and_inputs_from_one_look() -> None:
    class Examined(Says):
        def check(self, context: guards.Context) -> object:
            raise AssertionError("not asked twice")

        def examine(self, context: guards.Context) -> tuple[object, Mapping[str, object]]:
            return self.verdict, {"seen": 1}

    decision = guards.decide([Examined(ASK)], frozen())
    assert decision.questions == (ASK,)
    assert decision.trace == (guards.Finding("says", ASK, {"seen": 1}),)


def test_findings_of_one_rule_are_in_the_order_of_their_text() -> None:
    @dataclass(frozen=True)
    class Sees(Says):
        value: object = 0

        def inputs(self, context: guards.Context) -> Mapping[str, object]:
            return {"value": self.value}

    stack = [
        Says(ASK),
        Says(DENY),
        Sees(guards.Allow("x"), value=2),
        Sees(guards.Allow("x"), value=1),
        Says(guards.Allow()),
    ]
    decisions = [guards.decide(order, frozen()) for order in itertools.permutations(stack)]
    assert all(decision == decisions[0] for decision in decisions)
    kinds = [type(finding.verdict).__name__ for finding in decisions[0].trace]
    assert kinds == ["Allow", "Allow", "Allow", "Ask", "Deny"]
    assert [finding.inputs.get("value") for finding in decisions[0].trace][1:3] == [1, 2]


def test_what_a_standing_approval_answered_is_named_unless_it_is_refused() -> None:
    given = Says(guards.Allow("given", standing="nightly"))
    assert guards.decide([Says(guards.Allow()), given], frozen()).standing == "nightly"
    assert guards.decide([given, Says(ASK)], frozen()).standing == "nightly"
    assert guards.decide([given, Says(DENY)], frozen()).standing == ""
    assert guards.decide([Says(ASK)], frozen()).standing == ""


def test_a_guard_cannot_swallow_an_interrupt() -> None:
    class Interrupted(Breaks):
        def check(self, context: guards.Context) -> guards.Verdict:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guards.decide([Interrupted("")], frozen())


def test_stacking_order_does_not_matter() -> None:
    stack = [
        guards.allowed_envs(["dev"]),
        guards.require_confirmation(message="Sure?"),
        guards.require_confirmation(message="Really?"),
        guards.exclusive(),
    ]
    for environment in ("dev", "prod"):
        context = frozen(environment=environment)
        decisions = []
        for order in itertools.permutations(stack):
            fn: Callable[[], int] = lambda: 1
            for decorator in order:
                fn = decorator(fn)
            decisions.append(guards.explain(fn, context))
        assert all(decision == decisions[0] for decision in decisions)
        assert decisions[0].outcome == ("ask" if environment == "dev" else "deny")


def test_guards_around_a_foreign_decorator_are_all_enforced_and_asked_once() -> None:
    outer, inner = guards.require_confirmation(message="Outer?"), guards.require_confirmation(message="Inner?")
    logged = foreign(inner(lambda: "done"))
    fn = guards.allowed_envs(["dev"])(outer(logged))
    assert [g.rule for g in guards.guards_of(fn)] == ["allowed_envs", "require_confirmation", "require_confirmation"]
    asker = Asker()
    with guards.use(frozen(ask=asker)):
        assert fn() == "done"
    assert sorted(asker.asked) == ["Inner?", "Outer?"]
    assert logged.calls == 1  # type: ignore[attr-defined]  # reason: the foreign decorator kept working
    with guards.use(frozen(environment="prod", ask=asker)), pytest.raises(guards.Denied) as refusal:
        fn()
    assert refusal.value.code == "wrong_environment"
    assert len(asker.asked) == 2, "nobody is asked about what is refused"
    assert logged.calls == 1  # type: ignore[attr-defined]  # reason: as above


@pytest.mark.parametrize("between", [foreign, hiding])
def test_the_inner_refusal_is_never_lost(between: Callable[..., Callable[..., object]]) -> None:
    ran: list[int] = []
    fn = guards.allowed_envs(["dev", "prod"])(between(guards.allowed_envs(["dev"])(lambda: ran.append(1))))
    with guards.use(frozen(environment="prod")), pytest.raises(guards.Denied):
        fn()
    assert not ran
    assert len(guards.guards_of(fn)) == (2 if between is foreign else 1)


def test_a_foreign_decorator_outside_does_not_hide_the_guards() -> None:
    fn = foreign(foreign(guards.allowed_envs(["dev"])(lambda: 1)))
    assert [g.rule for g in guards.guards_of(fn)] == ["allowed_envs"]


def test_a_copied_attribute_does_not_make_a_wrapper() -> None:
    inner = guards.allowed_envs(["dev"])(lambda: 1)

    @functools.wraps(inner)
    def copy() -> int:
        return 2

    del copy.__wrapped__  # type: ignore[attr-defined]  # reason: only the copied attributes stay
    assert guards.guards_of(copy) == ()


def test_T11_an_answer_serves_one_call_only() -> None:
    """A retrying decorator between two guards asks the inner question again; so does a nested or changed context."""
    asker = Asker()
    inner = guards.require_confirmation(message="Inner?")(lambda: 1)

    @functools.wraps(inner)
    def twice() -> int:
        inner()
        return inner()

    with guards.use(frozen(ask=asker)):
        guards.allowed_envs(["dev"])(twice)()
    assert asker.asked == ["Inner?", "Inner?"]

    @functools.wraps(inner)
    def elsewhere() -> int:
        with guards.use(guards.current(), environment="staging"):
            return inner()

    asker.asked.clear()
    with guards.use(frozen(ask=asker)):
        guards.allowed_envs(["dev"])(elsewhere)()
    assert asker.asked == ["Inner?", "Inner?"]


def test_T11_the_innermost_function_gets_no_answers() -> None:
    asker = Asker()
    sure = guards.require_confirmation(message="Sure?")
    depth: list[int] = []

    @sure
    @foreign
    @sure
    def recurse() -> object:
        depth.append(1)
        return recurse() if len(depth) < 3 else "bottom"

    with guards.use(frozen(ask=asker)):
        assert recurse() == "bottom"
    assert asker.asked == ["Sure?"] * 3


def test_T11_another_function_does_not_inherit_an_answer() -> None:
    asker = Asker()
    sure = guards.require_confirmation(message="Sure?")
    other = sure(lambda: "other")

    @functools.wraps(inner := sure(lambda: "inner"))
    def detour() -> object:
        other()
        return inner()

    with guards.use(frozen(ask=asker)):
        sure(detour)()
    assert asker.asked == ["Sure?", "Sure?"], "once for the outer call, once for the other function"


def test_outside_a_context_it_refuses() -> None:
    fn = guards.allowed_envs(["dev"])(lambda: 1)
    with pytest.raises(guards.Denied) as refusal:
        fn()
    assert refusal.value.code == "no_context"
    assert refusal.value.decision.outcome == "deny"


def test_signature_name_and_docstring_are_kept() -> None:
    def plain(name: str, *, count: int = 1) -> str:
        """What it does."""
        return name * count

    fn = guards.exclusive()(guards.allowed_envs(["dev"])(plain))
    assert inspect.signature(fn) == inspect.signature(plain)
    assert (fn.__name__, fn.__doc__) == ("plain", "What it does.")
    with guards.use(frozen()):
        assert fn("a", count=2) == "aa"


async def test_async_functions_are_decided_when_awaited() -> None:
    @guards.require_confirmation(message="Outer?")
    @guards.require_confirmation(message="Inner?")
    async def act(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    asker = Asker()
    assert inspect.iscoroutinefunction(act)
    with guards.use(frozen(ask=asker)):
        waiting = act(1)
        assert asker.asked == []
        assert await waiting == 2
        assert asker.asked == ["Inner?", "Outer?"]
        outside = act(1)
    with pytest.raises(guards.Denied) as refusal:
        await outside
    assert refusal.value.code == "no_context"
    with guards.use(frozen(ask=answer_no)), pytest.raises(guards.Declined):
        await act(1)


async def test_a_plain_decorator_around_an_async_function() -> None:
    ran: list[int] = []

    @guards.require_confirmation(message="Outer?")
    @foreign
    @guards.require_confirmation(message="Inner?")
    async def act() -> int:
        ran.append(1)
        return 7

    asker = Asker()
    with guards.use(frozen(ask=asker)):
        assert await act() == 7  # type: ignore[misc]  # reason: the foreign decorator is typed loosely
        assert asker.asked == ["Inner?", "Outer?"]
        late = act()
    with pytest.raises(guards.Denied) as refusal:
        await late  # type: ignore[misc]  # reason: as above
    assert refusal.value.code == "no_context"
    assert ran == [1]


async def test_what_was_decided_in_a_context_is_not_awaited_outside_it() -> None:
    ran: list[int] = []

    @guards.allowed_envs(["dev"])
    @foreign
    async def act() -> None:
        ran.append(1)

    with guards.use(frozen()):
        waiting = act()
    for elsewhere in (None, frozen(environment="prod"), frozen()):  # the last is equal, but somebody else's
        with pytest.raises(guards.Denied) as refusal:
            if elsewhere is None:
                await waiting  # type: ignore[misc]  # reason: the foreign decorator is typed loosely
            else:
                with guards.use(frozen()):
                    waiting = act()
                with guards.use(elsewhere):
                    await waiting  # type: ignore[misc]  # reason: as above
        assert refusal.value.code == "no_context"
    assert ran == []


def test_methods_static_methods_and_partials() -> None:
    class Cache:
        @guards.allowed_envs(["dev"])
        def clear(self, name: str) -> str:
            return f"{name} cleared"

        @staticmethod
        @guards.allowed_envs(["dev"])
        def static() -> str:
            return "static"

    cache = Cache()
    bound = functools.partial(cache.clear, "sessions")
    for fn in (cache.clear, bound, Cache.static, Cache.clear):
        assert [g.rule for g in guards.guards_of(fn)] == ["allowed_envs"]
    assert unguarded(cache.clear)("a") == "a cleared"
    assert unguarded(bound)() == "sessions cleared"
    assert guards.guards_of(unguarded(bound)) == ()
    with guards.use(frozen()):
        assert (cache.clear("x"), bound(), Cache.static()) == ("x cleared", "sessions cleared", "static")
        assert guards.exclusive()(bound)() == "sessions cleared"


def test_unguarded_is_the_innermost_function() -> None:
    def act() -> int:
        return 3

    assert unguarded(guards.exclusive()(foreign(guards.allowed_envs(["dev"])(act)))) is act
    assert unguarded(act) is act


def test_what_cannot_be_guarded_is_refused_at_decoration() -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> object:
        yield 1

    guard = guards.AllowedEnvs(("dev",))
    for wrong in (generator, async_generator, contextmanager(generator), 5, classmethod(len)):
        with pytest.raises(TypeError):
            guarded(wrong, guard)  # type: ignore[arg-type]  # reason: wrong on purpose

    def loop() -> None: ...

    loop.__wrapped__ = loop  # type: ignore[attr-defined]  # reason: wrong on purpose
    with pytest.raises(ValueError, match="wraps itself"):
        guarded(loop, guard)


def test_forgotten_parentheses_are_an_error_at_decoration() -> None:
    for decorator in (guards.allowed_envs, guards.require_role, guards.require_confirmation, guards.forbidden):
        with pytest.raises(TypeError):
            decorator(lambda: 1)  # type: ignore[operator]  # reason: wrong on purpose


def test_wrappers_are_not_kept_alive() -> None:
    fn = guards.allowed_envs(["dev"])(lambda: 1)
    gone = weakref.ref(fn)
    del fn
    gc.collect()
    assert gone() is None


def test_the_function_itself_may_fail() -> None:
    @guards.require_confirmation(message="Sure?")
    def act() -> None:
        raise LookupError("inside")

    with guards.use(frozen(ask=answer_yes)), pytest.raises(LookupError, match="inside"):
        act()


def test_decisions_and_refusals_can_be_pickled() -> None:
    for ask in (None, answer_no):
        with guards.use(frozen(ask=ask)), pytest.raises(guards.Refused) as refusal:
            guards.require_confirmation(message="Sure?")(lambda: 1)()
        copy = pickle.loads(pickle.dumps(refusal.value))
        assert (type(copy), copy.code, str(copy)) == (type(refusal.value), refusal.value.code, str(refusal.value))


class Alike:
    """Equal to every other one, as values of somebody else's class may be."""

    def __init__(self, below: object) -> None:
        self.__wrapped__ = below

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __call__(self) -> object:
        """What is beneath."""
        return self.__wrapped__()  # type: ignore[operator]  # reason: whatever it was given


def test_wrappers_that_are_equal_are_still_others() -> None:
    inner = guards.allowed_envs(["dev"])(lambda: 1)
    fn = guards.exclusive()(Alike(Alike(inner)))
    assert [guard.rule for guard in guards.guards_of(fn)] == ["exclusive", "allowed_envs"]
    with guards.use(frozen()):
        assert fn() == 1


def test_signature_name_and_docstring_of_async_functions_are_kept() -> None:
    async def plain(name: str, *, count: int = 1) -> str:
        """What it does."""
        return name * count

    fn = guards.exclusive()(guards.allowed_envs(["dev"])(plain))
    assert inspect.signature(fn) == inspect.signature(plain)
    assert (fn.__name__, fn.__doc__) == ("plain", "What it does.")
