"""Interactive elements inside blocks: finding them, and what Slack sends when a person fills them in.

Used by slack_state. Pure. Must not know messages, views or the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bot.sandbox.slack_records import JSON

PEOPLE_KEYS: Final = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
ONE_OPTION: Final = ("static_select", "external_select", "radio_buttons", "overflow")
MANY_OPTIONS: Final = ("multi_static_select", "multi_external_select", "checkboxes")


def elements_in(blocks: Iterable[JSON], attachments: Iterable[JSON] = ()) -> Iterator[tuple[str, JSON]]:
    """Every interactive element with the id of its block: (block_id, element), top to bottom."""
    every = [*blocks, *(block for attachment in attachments for block in attachment.get("blocks", ()))]
    for block in every:
        kind = block.get("type")
        found: Sequence[Any] = ()
        if kind in ("actions", "context_actions"):
            found = block.get("elements", ())
        elif kind == "section" and block.get("accessory"):
            found = (block["accessory"],)
        elif kind == "input":
            found = (block.get("element", {}),)
        for element in found:
            if element.get("action_id"):
                yield str(block.get("block_id", "")), element


def options_of(element: JSON) -> list[JSON]:
    """The options of a menu, those in groups too."""
    grouped = [option for group in element.get("option_groups", ()) for option in group.get("options", ())]
    return [*element.get("options", ()), *grouped]


def state_of(element: JSON, value: Any) -> JSON:
    """The `state.values` entry of one element that holds `value` (text, option value, or a list of them)."""
    kind = str(element.get("type"))
    if kind in ONE_OPTION:
        chosen = next((o for o in options_of(element) if o.get("value") == value), None)
        return {"type": kind, "selected_option": chosen}
    if kind in MANY_OPTIONS:
        wanted = [value] if isinstance(value, str) else list(value or ())
        return {"type": kind, "selected_options": [o for o in options_of(element) if o.get("value") in wanted]}
    if kind in PEOPLE_KEYS:
        return {"type": kind, PEOPLE_KEYS[kind]: value if value not in ("", None) else None}
    return {"type": kind, "value": None if value in ("", None) else str(value)}


def initial_of(element: JSON) -> Any:
    """What an element holds before anybody touched it, in the form `state_of` takes."""
    kind = str(element.get("type"))
    if kind in ONE_OPTION:
        return (element.get("initial_option") or {}).get("value")
    if kind in MANY_OPTIONS:
        return [option.get("value") for option in element.get("initial_options", ())]
    if kind in PEOPLE_KEYS:
        return element.get(PEOPLE_KEYS[kind].replace("selected_", "initial_"))
    return element.get("initial_value")


def filled(element: JSON, value: str | None) -> JSON:
    """The `actions[]` entry of a press: a button carries its own value, a menu what was chosen."""
    kind = str(element.get("type"))
    action: JSON = {"type": kind, "action_id": element.get("action_id")}
    if kind == "button":
        action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
        return action
    return action | state_of(element, value)


def values_of(blocks: Iterable[JSON], given: Mapping[str, Any]) -> JSON:
    """`state.values` of a surface. given: {block_id: {action_id: value}} or {action_id: value}."""
    values: JSON = {}
    for block_id, element in elements_in(blocks):
        if element.get("type") == "button":
            continue
        action_id = str(element["action_id"])
        block = given.get(block_id)
        if isinstance(block, Mapping) and action_id in block:
            value = block[action_id]
        elif action_id in given and not isinstance(given[action_id], Mapping):
            value = given[action_id]
        else:
            value = initial_of(element)
        values.setdefault(block_id, {})[action_id] = state_of(element, value)
    return values


def inputs_missing(blocks: Iterable[JSON], values: JSON) -> dict[str, str]:
    """What Slack itself refuses before the app hears of a submission: required inputs that are empty, by block id."""
    missing = {}
    for block in blocks:
        if block.get("type") != "input" or block.get("optional"):
            continue
        block_id = str(block.get("block_id"))
        state: JSON = next(iter(values.get(block_id, {}).values()), {})
        if not any(content for key, content in state.items() if key != "type"):
            missing[block_id] = "Please complete this required field."
    return missing
