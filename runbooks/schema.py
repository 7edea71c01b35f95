"""A JSON Schema (draft 2020-12) of what authors write, made from the model, so that editors complete and check it.

Called by `runbookctl schema`. It says what a schema can say: keys, types, closed words, units, the two forms, what needs
what. Everything else is said by the loader and by `runbookctl lint`; whatever they accept must be accepted here too
(tests/runbooks/test_schema.py holds every shipped runbook and the malformed corpus against it). Must not know which operations and
facts exist: they are passed in, for completion.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from runbooks.keys import HIDDEN
from runbooks.model import MEMBERS, SIZE, Runbook
from runbooks.schema_words import WORDS
from runbooks.shape import METACHARACTERS, SHORT_KEYS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = "urn:countersign:runbook"
DURATION: Schema = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,7})(\.[0-9]{1,3})?(ms|s|m|h|d)$"}
PERCENT: Schema = {"type": "string", "pattern": r"^([1-9][0-9]?(\.[0-9])?|100(\.0)?)%$"}
SAMPLES: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,2} of [1-9][0-9]{0,2}$"}
WAVE: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 999},
        {"type": "string", "pattern": "^([1-9][0-9]{0,2}|([1-9][0-9]?|100)%|rest)$"},
    ]
}
REFERENCE = r"^\$\{[a-z][a-z0-9_]{0,30}\}$"
VALUE: Schema = {
    "description": 'A value, or `"${name}"` for a whole parameter.',
    "anyOf": [
        {"type": ["number", "boolean", "null"]},
        {"type": "string", "pattern": REFERENCE},
        {"type": "string", "not": {"pattern": r"\$\{"}},
        {"type": "array", "items": {"$ref": "#/$defs/Value"}},
        {"$ref": "#/$defs/Values"},
    ],
}
VALUES: Schema = {
    "type": "object",
    "propertyNames": {"not": {"pattern": r"\$\{"}},
    "additionalProperties": {"$ref": "#/$defs/Value"},
}
ENVIRONMENT: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,30}$", "not": {"enum": ["all", "any"]}}
OPERATION: Schema = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]{0,126}$"}
NOT_BLANK: Schema = {"type": "string", "pattern": r"\S"}
ADAPTER: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$"}
# only what must be escaped: editors read patterns in Unicode mode, where another escape is an error
CHOICE: Schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}$"}
NO_SHELL = "".join(f"\\{each}" if each in r"\]^[-" else each for each in sorted(METACHARACTERS))
WORDS_OF_A_COMMAND: Schema = {"type": "string", "pattern": "^ *[A-Za-z0-9][ -~]*$", "not": {"pattern": f"[{NO_SHELL}]"}}

WRITTEN: Mapping[tuple[str, str], Schema] = {
    ("Runbook", "review_every"): DURATION,
    ("Runbook", "waits_for"): {"type": "array", "items": ADAPTER, "uniqueItems": True},
    ("Runbook", "params"): {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,30}$"},
        "additionalProperties": {"$ref": "#/$defs/Parameter"},
    },
    ("Match", "symptoms"): {"type": "array", "items": NOT_BLANK},
    ("Match", "signatures"): {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 500}},
    ("Step", "action"): OPERATION,
    ("Step", "deadline"): DURATION,
    ("Step", "increments"): PERCENT,
    ("Step", "waves"): {
        "type": "array",
        "items": WAVE,
        "minItems": 1,
        "contains": {"const": "rest"},
        "minContains": 0,
        "maxContains": 1,
        "if": {"prefixItems": [{"const": "rest"}]},
        "then": {"maxItems": 1},
    },
    ("Step", "with"): {"$ref": "#/$defs/Values"},
    ("Step", "rollback"): {
        "anyOf": [{"const": "none"}, {"type": "array", "items": {"$ref": "#/$defs/Rollback"}, "minItems": 1}]
    },
    ("Rollback", "action"): OPERATION,
    ("Rollback", "with"): {"$ref": "#/$defs/Values"},
    ("Verify", "expect"): {"type": "string", "minLength": 1, "maxLength": 500},
    ("Verify", "within"): DURATION,
    ("Verify", "every"): DURATION,
    ("Verify", "samples"): SAMPLES,
    ("Safety", "scopes"): {"type": "array", "items": ENVIRONMENT, "minItems": 1, "uniqueItems": True},
    ("Limit", "window"): DURATION,
    ("Parameter", "values"): {"type": "array", "items": CHOICE, "uniqueItems": True},
    ("Parameter", "min"): {"type": ["integer", "string"]},
    ("Parameter", "max"): {"type": ["integer", "string"]},
    ("Parameter", "default"): {"type": ["integer", "string"]},
    ("Case", "environment"): ENVIRONMENT,
}
"""Where an author writes something else than what the model holds: units, words, references. (part, key) -> schema."""

OF_TYPE: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "target": (("type", "kind"), ("kind",)),
    "enum": (("type", "values", "default"), ("values",)),
    "integer": (("type", "min", "max", "default"), ("min", "max")),
    "duration": (("type", "min", "max", "default"), ("min", "max")),
    "identifier": (("type", "default"), ()),
}
"""Type of a parameter -> the keys it may have, and those it needs beside `type`."""


def schema(
    operations: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None, facts: Collection[str] = ()
) -> Schema:
    """The schema as JSON values.

    operations: name -> (one sentence, JSON Schema of its parameters without `target`). facts: names that can be observed.
    Both are offered by editors; another name is no error here, for a runbook may wait for an adapter.
    """
    made = Runbook.model_json_schema(by_alias=True)
    parts: dict[str, Schema] = {**made.pop("$defs"), "Runbook": made}
    for name, part in parts.items():
        _as_written(name, part)
    root = parts.pop("Runbook")
    _parameter(parts["Parameter"])
    _step(parts["Step"], operations or {})
    parts["CaseExpect"]["minProperties"] = 1
    if facts:
        parts["Verify"]["properties"]["fact"] |= _offered(facts)
    _two_forms(root, parts["Step"])
    defs = {**parts, "Value": VALUE, "Values": VALUES}
    head = {"$schema": DIALECT, "$id": NAME, "title": "Runbook of Countersign"}
    return copy.deepcopy({**head, **root, "$defs": dict(sorted(defs.items()))})


def _as_written(name: str, part: Schema) -> None:
    """One part of the model with the author's keys, words and units."""
    hidden = {key for model, keys in HIDDEN.items() if model.__name__ == name for key in keys}
    properties: dict[str, Schema] = {key: each for key, each in part["properties"].items() if key not in hidden}
    for key in WORDS[name]:
        sentence, examples = WORDS[name][key]
        own = WRITTEN.get((name, key)) or properties.get(key, {})
        kept = {k: v for k, v in own.items() if k not in ("title", "default", "description")}
        properties[key] = {**kept, "description": sentence, **({"examples": list(examples)} if examples else {})}
    part["properties"] = properties
    part["required"] = [key for key in part.get("required", []) if key not in hidden]
    part["description"] = part.get("description", "").partition("\n")[0]
    part.pop("title", None)


def _parameter(part: Schema) -> None:
    """Each type with exactly its own keys; a duration's bounds have units, an integer's are numbers."""
    found: list[Schema] = []
    for kind, (allowed, needed) in OF_TYPE.items():
        own: dict[str, Any] = {key: False for key in part["properties"] if key not in allowed}
        if kind in ("integer", "duration"):
            own |= dict.fromkeys(("min", "max", "default"), DURATION if kind == "duration" else {"type": "integer"})
        elif "default" in allowed:
            own["default"] = {"type": "string"}
        if kind == "enum":
            own["values"] = {"minItems": 1}
        found.append(_when({"type": {"const": kind}}, {"properties": own, "required": list(needed)}))
    part["allOf"] = found


def _step(part: Schema, operations: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
    """What needs what, and for each known operation its own parameters."""
    part["dependentRequired"] = {"waves": ["verify"], "increments": ["verify", "with"]}
    part["allOf"] = [
        {"not": {"required": ["waves", "increments"]}},
        {"if": {"required": ["increments"]}, "then": {"properties": {"with": {"required": [SIZE]}}}},
        {"if": {"required": ["waves"]}, "then": {"properties": {"with": {"properties": {MEMBERS: False}}}}},
        _when({"irreversible": {"const": True}}, {"properties": {"rollback": {"const": "none"}}}),
        _when(
            {"on_failure": {"const": "continue"}},
            {
                "properties": {
                    "rollback": {"const": "none"},
                    "irreversible": {"const": False},
                    "waves": False,
                    "increments": False,
                }
            },
        ),
    ]
    if operations:
        part["properties"]["action"] |= {
            "anyOf": [
                *({"const": name, "description": told} for name, (told, _) in sorted(operations.items())),
                OPERATION,
            ]
        }
        part["allOf"] += [
            _when({"action": {"const": name}}, {"properties": {"with": _parameters(found)}})
            for name, (_, found) in sorted(operations.items())
        ]


def _parameters(found: Mapping[str, Any]) -> Schema:
    """The `with` of one operation: each of its own parameters as itself, or as a whole parameter of the runbook."""
    reference = {"type": "string", "pattern": REFERENCE}
    properties: dict[str, Any] = {
        key: {"anyOf": [{k: v for k, v in each.items() if k != "title"}, reference]}
        for key, each in found.get("properties", {}).items()
    }
    target = {"type": "string", "description": "The target parameter.", "examples": ["${target}"]}
    return {"properties": {"target": target, **properties}, "additionalProperties": False}


def _two_forms(root: Schema, step: Schema) -> None:
    """`command` makes it the short form, which is one step written at the top; otherwise there are steps."""
    needed = [key for key in root["required"] if key != "steps"]
    own: dict[str, Any] = {key: step["properties"][key] for key in SHORT_KEYS if key not in root["properties"]}
    root["properties"]["command"] |= WORDS_OF_A_COMMAND
    long_only = {key: False for key in root["properties"] if key not in SHORT_KEYS}
    irreversible = _when({"irreversible": {"const": True}}, {"properties": {"rollback": {"const": "none"}}})
    root["properties"] |= own
    root["required"] = ["id"]
    root["if"] = {"required": ["command"]}
    root["then"] = {"required": ["safety"], "properties": long_only, "allOf": [irreversible]}
    root["else"] = {"required": [*needed, "steps"], "properties": dict.fromkeys(own, False)}


def _offered(names: Collection[str]) -> Schema:
    """Known names first, for completion, and any other identifier."""
    return {"anyOf": [{"enum": sorted(names)}, ADAPTER]}


def _when(properties: Schema, then: Schema) -> Schema:
    """`then` holds where all these properties are written like this."""
    return {"if": {"properties": properties, "required": sorted(properties)}, "then": then}
