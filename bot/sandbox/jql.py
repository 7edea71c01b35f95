"""The part of JQL a bot needs: comparisons joined by AND, and ORDER BY created.

Used by jira. Pure. Must refuse what it does not understand instead of ignoring it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.sandbox.adf import text_of

CLAUSE: Final = re.compile(
    r"""\s*(?P<field>issue\.property\[[^\]]+\](?:\.[\w.]+)?|[\w.]+)\s*
        (?P<operator>=|!=|~|>=|<=|\bNOT\s+IN\b|\bIN\b)\s*
        (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\([^)]*\)|[^\s()"']+)\s*""",
    re.VERBOSE | re.IGNORECASE,
)
JOIN: Final = re.compile(r"AND\b", re.IGNORECASE)
ORDER: Final = re.compile(r"\s*\bORDER\s+BY\s+(\w+)(?:\s+(ASC|DESC))?\s*$", re.IGNORECASE)
FIELDS: Final = frozenset(
    ("project", "key", "issuekey", "summary", "description", "labels", "status", "text", "created")
)


class BadQuery(ValueError):
    """JQL that Jira refuses or that the stand-in does not know."""


@dataclass(frozen=True, slots=True)
class Query:
    """clauses: (field, operator, values), all of which must hold."""

    clauses: tuple[tuple[str, str, tuple[str, ...]], ...]
    newest_first: bool


def parse(jql: str) -> Query:
    """Read a query. Raises BadQuery; a query without any restriction is refused as Jira does (`search/jql`)."""
    order = ORDER.search(jql)
    rest = jql[: order.start()] if order else jql
    clauses = []
    place = 0
    while rest[place:].strip():
        clause = CLAUSE.match(rest, place)
        if clause is None:
            raise BadQuery(f"Error in the JQL Query: near '{rest[place : place + 40].strip()}'.")
        name = clause["field"]
        if not name.lower().startswith("issue.property[") and name.lower() not in FIELDS:
            raise BadQuery(f"Field '{name}' does not exist or you do not have permission to view it.")
        clauses.append((name, " ".join(clause["operator"].upper().split()), _values(clause["value"])))
        place = clause.end()
        if rest[place:].strip():
            join = JOIN.match(rest, place)
            if join is None:
                raise BadQuery(f"Error in the JQL Query: expecting AND near '{rest[place : place + 40].strip()}'.")
            place = join.end()
    if not clauses:
        raise BadQuery("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    return Query(tuple(clauses), bool(order and (order[2] or "").upper() == "DESC"))


def matches(query: Query, issue: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Whether an issue (as REST shows it) fits."""
    return all(_holds(issue, properties, *clause) for clause in query.clauses)


def _holds(
    issue: Mapping[str, Any], properties: Mapping[str, Any], name: str, operator: str, wanted: tuple[str, ...]
) -> bool:
    found = _found(issue, properties, name)
    if operator in (">=", "<="):
        return True  # created is only used to bound a query; the sandbox is minutes old
    if operator == "~":
        words = [word.lower().rstrip("*") for word in re.findall(r"\w+", wanted[0])]
        whole = " ".join(found).lower()
        return all(word in whole for word in words)
    same = any(value.lower() == want.lower() for value in found for want in wanted)
    return same is (operator in ("=", "IN"))


def _found(issue: Mapping[str, Any], properties: Mapping[str, Any], name: str) -> list[str]:
    fields = issue["fields"]
    if name.lower().startswith("issue.property["):
        key, _, path = name[len("issue.property[") :].partition("]")
        value: Any = properties.get(key)
        for part in [p for p in path.split(".") if p]:
            value = value.get(part) if isinstance(value, Mapping) else None
        return [] if value is None else [str(value)]
    simple = {
        "project": [fields["project"]["key"]],
        "key": [issue["key"]],
        "issuekey": [issue["key"]],
        "summary": [str(fields.get("summary", ""))],
        "description": [text_of(fields.get("description"))],
        "labels": list(fields.get("labels") or ()),
        "status": [fields["status"]["name"]],
    }
    if name.lower() == "text":
        comments = [text_of(comment["body"]) for comment in fields["comment"]["comments"]]
        return [*simple["summary"], *simple["description"], *comments]
    return simple.get(name.lower(), [])


def _values(text: str) -> tuple[str, ...]:
    if text.startswith("("):
        return tuple(value for part in text[1:-1].split(",") for value in _values(part.strip()))
    if text[:1] in ("'", '"'):
        return (re.sub(r"\\(.)", r"\1", text[1:-1]),)
    return (text,)
