"""The chain: collects the guards around a function, decides them together, and runs the function only on a clear yes.

`decide` is the one place where guards are evaluated; `explain`, decorated functions and bot/stages/gate.py all use it.
Two passes, every refusal first and then the questions, so stacking order cannot matter and nobody is asked to confirm
what is forbidden anyway (reference/houses.md 4.4). Must not read a clock or look anything up.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from guards.asking import Answers, ask_all, ask_all_awaiting, handing_down, refuse, take_answers
from guards.context import Context, current
from guards.decision import Allow, Ask, Decision, Deny, Finding, Verdict
from guards.errors import Denied
from guards.soundness import check_answer, in_order

P = ParamSpec("P")
T = TypeVar("T")


class Guard(Protocol):
    """One rule. Pure: the same context gives the same answer; anything it needs and does not find is a Deny."""

    @property
    def rule(self) -> str:
        """Stable id of the rule, the same as the decorator's name (`allowed_envs`)."""
        ...

    def check(self, context: Context) -> Verdict:
        """Allow, Deny or Ask. An exception counts as Deny `guard_error`."""
        ...

    def inputs(self, context: Context) -> Mapping[str, object]:
        """What the rule looked at, as JSON-like values, for the trace (mission G12)."""
        ...


class Decorator(Protocol):
    """What every decorator of this room returns: keeps the signature of what it wraps."""

    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]:
        """The guarded function."""
        ...


@dataclass(frozen=True, slots=True)
class _Layer:
    guard: Guard
    below: Callable[..., Any]


# Our own wrappers are recognised by being in here, never by an attribute: functools.wraps copies attributes to foreign
# wrappers, and a chain that trusts them loses whatever stands in between (the trap of houses.md 4.4).
_layers: WeakKeyDictionary[FunctionType, _Layer] = WeakKeyDictionary()


def decide(guards: Sequence[Guard], context: Context, policy_digest: str = "") -> Decision:
    """What all the guards say together. Pure and total: never raises, and no guards at all is a refusal.

    The trace, denials and questions are in rule order, not in stacking order. Equal questions are kept once.
    policy_digest: which policy the guards were compiled from; empty in a plain script.
    """
    return conclude(findings(guards, context), policy_digest)


def findings(guards: Iterable[Guard], context: Context) -> tuple[Finding, ...]:
    """What each guard says, in the order of the rules; findings of one rule by the text of verdict and inputs."""
    by_rule: dict[str, list[Finding]] = {}
    for guard in guards:
        finding = _find(guard, context)
        by_rule.setdefault(finding.rule, []).append(finding)
    return tuple(finding for rule in sorted(by_rule) for finding in in_order(by_rule[rule]))


def conclude(trace: tuple[Finding, ...], policy_digest: str = "") -> Decision:
    """The decision that these findings come to; no findings at all is a refusal."""
    denials: list[Deny] = []
    questions: list[Ask] = []
    standing = ""
    for finding in trace:
        verdict = finding.verdict
        if isinstance(verdict, Allow):
            standing = standing or verdict.standing
        elif isinstance(verdict, Deny):
            denials.append(verdict)
        elif verdict not in questions:
            questions.append(verdict)
    if not trace:
        denials.append(Deny("unguarded", "No guard protects this.", "Put at least one guard on it."))
    if denials:
        return Decision("deny", tuple(denials), (), trace, policy_digest)
    return Decision("ask" if questions else "allow", (), tuple(questions), trace, policy_digest, standing)


def explain(fn: Callable[..., object], context: Context) -> Decision:
    """The decision a call of fn would meet in that context, without calling or asking anybody."""
    return decide(guards_of(fn), context)


def guards_of(fn: Callable[..., object]) -> tuple[Guard, ...]:
    """Every guard around fn, outermost first, also beneath foreign decorators that use functools.wraps.

    A foreign decorator without functools.wraps hides what is beneath it: those guards are still enforced when the call
    reaches them, but are not listed here.
    """
    layers = (_layer(part) for part in _down(fn))
    return tuple(layer.guard for layer in layers if layer is not None)


def unguarded(fn: Callable[P, T]) -> Callable[P, T]:
    """The innermost function itself, without any guard. Only bot/stages/gate.py may call this.

    Foreign decorators around it are left out as well; a bound method stays bound, a partial keeps its arguments.
    """
    part: Callable[..., Any] = fn
    for part in _down(fn):
        if isinstance(part, MethodType):
            return cast("Callable[P, T]", MethodType(unguarded(part.__func__), part.__self__))
        if isinstance(part, functools.partial):
            return functools.partial(unguarded(part.func), *part.args, **part.keywords)
    return cast("Callable[P, T]", part)


def guarded(fn: Callable[P, T], guard: Guard) -> Callable[P, T]:
    """The function, run only when this guard and every guard beneath it agree in the context in force.

    Raises TypeError for something that cannot be called and for generators, whose body would run after the decision.
    The wrapped function raises Denied, Declined or TimedOut instead of running; an async function decides when awaited.
    """
    if not callable(fn):
        raise TypeError(f"{fn!r} cannot be guarded: it cannot be called. Put the guard beneath this decorator.")
    *_, innermost = _down(fn)
    if any(inspect.isgeneratorfunction(part) or inspect.isasyncgenfunction(part) for part in (fn, innermost)):
        raise TypeError(f"{fn!r} is a generator and would run after the decision; guard what it calls instead.")
    beneath = guards_of(fn)
    guards = (guard, *beneath)

    def answers(context: Context, decision: Decision) -> Answers | None:
        return Answers(innermost, context, [decision.questions]) if beneath else None

    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def awaiting(*args: P.args, **kwargs: P.kwargs) -> object:
            context, decision = _enter(guards)
            await ask_all_awaiting(decision, take_answers(innermost, context), context)
            with handing_down(answers(context, decision)):
                return await fn(*args, **kwargs)

        wrapper: Callable[P, object] = awaiting
    else:

        @functools.wraps(fn)
        def calling(*args: P.args, **kwargs: P.kwargs) -> object:
            context, decision = _enter(guards)
            ask_all(decision, take_answers(innermost, context), context)
            handed = answers(context, decision)
            with handing_down(handed):
                result = fn(*args, **kwargs)
            return _carry(result, context, handed) if inspect.iscoroutine(result) else result

        wrapper = calling
    _layers[cast("FunctionType", wrapper)] = _Layer(guard, fn)
    return cast("Callable[P, T]", wrapper)


def _enter(guards: tuple[Guard, ...]) -> tuple[Context, Decision]:
    """The context in force and a decision that does not deny. Raises Denied."""
    context = current()
    if context is None:
        raise refuse(_NOTHING, "no_context", "This is guarded and was called outside a context.", _USE)
    decision = decide(guards, context)
    if decision.outcome == "deny":
        raise Denied(decision)
    return context, decision


async def _carry(result: Coroutine[Any, Any, object], context: Context, handed: Answers | None) -> object:
    """Await what a plain function around an async one returned, in the context it was decided in or not at all."""
    if current() is not context:
        result.close()
        raise refuse(_NOTHING, "no_context", "This is awaited outside the context it was decided in.", _USE)
    with handing_down(handed):
        return await result


_NOTHING = Decision("deny", (), (), ())
_USE = "Call it inside `with guards.use(...)`."


def _layer(fn: object) -> _Layer | None:
    return _layers.get(fn) if isinstance(fn, FunctionType) else None


def _down(fn: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The function and everything it wraps, down to the innermost function. Raises ValueError when it wraps itself."""
    seen: list[object] = []
    part: Any = fn
    while part is not None:
        if any(part is earlier for earlier in seen):
            raise ValueError(f"{fn!r} wraps itself")
        seen.append(part)
        yield part
        layer = _layer(part)
        if layer is not None:
            part = layer.below
        elif isinstance(part, MethodType):
            part = part.__func__
        elif isinstance(part, functools.partial):
            part = part.func
        else:
            part = getattr(part, "__wrapped__", None)


def _find(guard: Guard, context: Context) -> Finding:
    """One guard's finding. A guard with `examine(context) -> (verdict, inputs)` gives both from one look."""
    rule: object = None
    try:
        rule = guard.rule
        examine = getattr(guard, "examine", None)
        verdict, inputs = (guard.check(context), guard.inputs(context)) if examine is None else examine(context)
        seen = dict(inputs)
        if not isinstance(rule, str):
            raise TypeError("a guard must have a name")
        check_answer(verdict, seen)
        return Finding(rule, verdict, seen)
    except Exception as error:  # noqa: BLE001 - reason: a broken guard must refuse, whatever breaks in it (rule 4)
        named = rule if isinstance(rule, str) else type(guard).__name__
        what = type(error).__name__
        denial = Deny("guard_error", f"The rule {named} failed ({what}).", "Mend the rule or its inputs.")
        return Finding(named, denial, {"error": what})
