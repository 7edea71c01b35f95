"""Block Kit as Slack checks it: which blocks exist and how long their parts may be.

Used by slack_methods before anything is stored, and by slack_state to give blocks their ids. Pure.
Limits: reference/apis.md 1.6 (slack_sdk 3.47 `models/blocks` validators, node-slack-sdk types).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bot.sandbox.slack_records import JSON

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
MESSAGE_CHARACTERS: Final = 13_200

SELECTS: Final = ("static_select", "external_select", "users_select", "conversations_select", "channels_select")
PICKERS: Final = ("datepicker", "timepicker", "datetimepicker")
CHOICES: Final = ("checkboxes", "radio_buttons")
MULTI: Final = tuple(f"multi_{kind}" for kind in SELECTS)
TYPED: Final = ("plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input")
IN_ACTIONS: Final = frozenset(("button", "overflow", "workflow_button", *SELECTS, *PICKERS, *CHOICES, *MULTI))
IN_SECTION: Final = frozenset((*IN_ACTIONS, "image"))
IN_INPUT: Final = frozenset((*SELECTS, *MULTI, *PICKERS, *CHOICES, *TYPED, "file_input"))
RICH: Final = frozenset(("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"))


class Checker:
    """Collects what is wrong with some blocks, worded like Slack's `response_metadata.messages`."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.characters = 0
        self._block_ids: set[str] = set()

    def wrong(self, place: str, what: str) -> None:
        """Note one mistake at a JSON pointer."""
        self.problems.append(f"[ERROR] {what} [json-pointer:{place}]")

    def text(self, value: Any, place: str, limit: int, kinds: Iterable[str] = ("plain_text", "mrkdwn")) -> None:
        """A text object of at most `limit` characters."""
        if not isinstance(value, Mapping) or str(value.get("type")) not in kinds:
            return self.wrong(place, f"must provide an object of type {' or '.join(kinds)}")
        self.string(value.get("text"), f"{place}/text", limit)
        return None

    def string(self, value: Any, place: str, limit: int, *, least: int = 1) -> None:
        """A string of `least` to `limit` characters."""
        if not isinstance(value, str):
            return self.wrong(place, "must be a string")
        self.characters += len(value)
        if len(value) > limit:
            self.wrong(place, f"must be less than {limit + 1} characters")
        elif len(value) < least:
            self.wrong(place, f"must be more than {least - 1} characters")
        return None

    def many(self, value: Any, place: str, limit: int, check: Callable[[Any, str], None], *, least: int = 1) -> None:
        """A list of `least` to `limit` items, each checked."""
        if not isinstance(value, list) or not least <= len(value) <= limit:
            return self.wrong(place, f"must contain {least} to {limit} items")
        for number, item in enumerate(value):
            check(item, f"{place}/{number}")
        return None

    # -- blocks --------------------------------------------------------------------------------------------------
    def blocks(self, blocks: Any, place: str, limit: int, surface: str) -> None:
        """A list of blocks. surface: `message`, `modal` or `home`."""
        self.many(blocks, place, limit, lambda block, at: self.block(block, at, surface), least=0)

    def block(self, block: Any, place: str, surface: str) -> None:
        """One block: known type, unique block_id, its own parts."""
        if not isinstance(block, Mapping):
            return self.wrong(place, "must be an object")
        check = CHECKS.get(str(block.get("type")))
        if check is None or (block.get("type") == "alert" and surface != "modal"):
            return self.wrong(f"{place}/type", f"unsupported type: {block.get('type')}")
        if (block_id := block.get("block_id")) is not None:
            self.string(block_id, f"{place}/block_id", 255)
            if block_id in self._block_ids:
                self.wrong(f"{place}/block_id", f"block_id '{block_id}' already exists")
            self._block_ids.add(block_id)
        check(self, block, place)
        return None

    def section(self, block: Mapping[str, Any], place: str) -> None:
        """Text up to 3000, at most 10 fields of 2000, one accessory."""
        if "text" not in block and "fields" not in block:
            self.wrong(place, "missing required field: text or fields")
        if "text" in block:
            self.text(block["text"], f"{place}/text", 3000)
        if "fields" in block:
            self.many(block["fields"], f"{place}/fields", 10, lambda item, at: self.text(item, at, 2000))
        if "accessory" in block:
            self.element(block["accessory"], f"{place}/accessory", IN_SECTION)

    def actions(self, block: Mapping[str, Any], place: str) -> None:
        """1 to 25 elements whose action ids differ."""
        self.many(block.get("elements"), f"{place}/elements", 25, lambda e, at: self.element(e, at, IN_ACTIONS))
        ids = [e.get("action_id") for e in block.get("elements") or () if isinstance(e, Mapping) and e.get("action_id")]
        for repeated in {i for i in ids if ids.count(i) > 1}:
            self.wrong(f"{place}/elements", f"action_id '{repeated}' already exists")

    def context(self, block: Mapping[str, Any], place: str) -> None:
        """1 to 10 texts and images."""

        def item(value: Any, at: str) -> None:
            if isinstance(value, Mapping) and value.get("type") == "image":
                self.image(value, at)
            else:
                self.text(value, at, 3000)

        self.many(block.get("elements"), f"{place}/elements", 10, item)

    def header(self, block: Mapping[str, Any], place: str) -> None:
        """plain_text up to 150."""
        self.text(block.get("text"), f"{place}/text", 150, ("plain_text",))

    def divider(self, block: Mapping[str, Any], place: str) -> None:
        """Nothing but its type."""
        if extra := set(block) - {"type", "block_id"}:
            self.wrong(place, f"no more than the allowed keys: {sorted(extra)}")

    def image(self, block: Mapping[str, Any], place: str) -> None:
        """An address (or a Slack file) and an alternative text."""
        self.string(block.get("alt_text"), f"{place}/alt_text", 2000)
        if "slack_file" not in block:
            self.string(block.get("image_url"), f"{place}/image_url", 3000)

    def input(self, block: Mapping[str, Any], place: str) -> None:
        """A label, one element, perhaps a hint."""
        self.text(block.get("label"), f"{place}/label", 2000, ("plain_text",))
        self.element(block.get("element"), f"{place}/element", IN_INPUT)
        if "hint" in block:
            self.text(block["hint"], f"{place}/hint", 2000, ("plain_text",))

    def markdown(self, block: Mapping[str, Any], place: str) -> None:
        """Standard Markdown up to 12,000."""
        self.string(block.get("text"), f"{place}/text", 12_000)

    def rich_text(self, block: Mapping[str, Any], place: str) -> None:
        """Sections, lists, quotes and preformatted text; the text in them is never empty."""

        def part(value: Any, at: str) -> None:
            if not isinstance(value, Mapping) or value.get("type") not in RICH:
                return self.wrong(f"{at}/type", "unsupported rich_text element")
            inner = part if value["type"] == "rich_text_list" else leaf
            self.many(value.get("elements"), f"{at}/elements", 1000, inner, least=0)
            return None

        def leaf(value: Any, at: str) -> None:
            if not isinstance(value, Mapping):
                return self.wrong(at, "must be an object")
            if value.get("type") == "text":
                self.string(value.get("text"), f"{at}/text", MESSAGE_CHARACTERS * 4)
            return None

        self.many(block.get("elements"), f"{place}/elements", 1000, part, least=0)

    def other(self, block: Mapping[str, Any], place: str) -> None:
        """A newer block whose parts are not checked here."""

    # -- elements ------------------------------------------------------------------------------------------------
    def element(self, element: Any, place: str, allowed: frozenset[str]) -> None:
        """One interactive element of an allowed type."""
        if not isinstance(element, Mapping) or element.get("type") not in allowed:
            kind = element.get("type") if isinstance(element, Mapping) else element
            return self.wrong(f"{place}/type", f"unsupported type: {kind}")
        kind = str(element["type"])
        if kind == "image":
            return self.image(element, place)
        if "action_id" in element:
            self.string(element["action_id"], f"{place}/action_id", 255)
        if kind == "button":
            self.button(element, place)
        if "placeholder" in element:
            self.text(element["placeholder"], f"{place}/placeholder", 150, ("plain_text",))
        if "confirm" in element:
            self.confirm(element["confirm"], f"{place}/confirm")
        groups = element.get("option_groups")
        if groups is not None:
            self.many(groups, f"{place}/option_groups", 100, self.group)
        elif kind in ("static_select", "multi_static_select", "overflow", *CHOICES):
            limit = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}.get(kind, 100)
            self.many(element.get("options"), f"{place}/options", limit, self.option)
        return None

    def button(self, element: Mapping[str, Any], place: str) -> None:
        """Label 75, value 2000, url 3000, style primary or danger."""
        self.text(element.get("text"), f"{place}/text", 75, ("plain_text",))
        if "value" in element:
            self.string(element["value"], f"{place}/value", 2000, least=0)
        if "url" in element:
            self.string(element["url"], f"{place}/url", 3000)
        if element.get("style", "primary") not in ("primary", "danger"):
            self.wrong(f"{place}/style", "must be one of primary, danger")

    def option(self, option: Any, place: str) -> None:
        """Label 75, value 150, description 75."""
        if not isinstance(option, Mapping):
            return self.wrong(place, "must be an object")
        self.text(option.get("text"), f"{place}/text", 75)
        self.string(option.get("value"), f"{place}/value", 150)
        if "description" in option:
            self.text(option["description"], f"{place}/description", 75)
        return None

    def group(self, group: Any, place: str) -> None:
        """A label and up to 100 options."""
        if not isinstance(group, Mapping):
            return self.wrong(place, "must be an object")
        self.text(group.get("label"), f"{place}/label", 75, ("plain_text",))
        self.many(group.get("options"), f"{place}/options", 100, self.option)
        return None

    def confirm(self, confirm: Any, place: str) -> None:
        """Title 100, text 300, confirm and deny 30."""
        if not isinstance(confirm, Mapping):
            return self.wrong(place, "must be an object")
        for key, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            if key in confirm or key == "text":
                self.text(confirm.get(key), f"{place}/{key}", limit)
        return None


UNCHECKED: Final = ("video", "file", "table", "data_table", "data_visualization", "context_actions", "card", "alert")
CHECKS: Final[dict[str, Callable[[Checker, Mapping[str, Any], str], None]]] = {
    "section": Checker.section,
    "actions": Checker.actions,
    "context": Checker.context,
    "header": Checker.header,
    "divider": Checker.divider,
    "image": Checker.image,
    "input": Checker.input,
    "markdown": Checker.markdown,
    "rich_text": Checker.rich_text,
    **dict.fromkeys(UNCHECKED, Checker.other),
}


def check_message(blocks: Any) -> Checker:
    """What is wrong with a message's blocks, and how many characters they hold."""
    checker = Checker()
    checker.blocks(blocks, "/blocks", MESSAGE_BLOCKS, "message")
    return checker


def check_view(view: Any) -> list[str]:
    """What is wrong with a modal or Home view: titles 24, private_metadata 3000, 100 blocks, inputs need a submit."""
    checker = Checker()
    if not isinstance(view, Mapping) or view.get("type") not in ("modal", "home"):
        return ["[ERROR] must be a view of type modal or home [json-pointer:/view/type]"]
    kind = str(view["type"])
    if kind == "modal":
        checker.text(view.get("title"), "/view/title", 24, ("plain_text",))
    for key in ("submit", "close"):
        if view.get(key) is not None:
            checker.text(view[key], f"/view/{key}", 24, ("plain_text",))
    for key, limit in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(key):
            checker.string(view[key], f"/view/{key}", limit)
    checker.blocks(view.get("blocks"), "/view/blocks", VIEW_BLOCKS, kind)
    has_input = any(isinstance(b, Mapping) and b.get("type") == "input" for b in view.get("blocks") or ())
    if kind == "modal" and has_input and view.get("submit") is None:
        checker.wrong("/view/submit", "a submit is required when blocks contain an input block")
    return checker.problems


def dress(blocks: Iterable[Any], identifier: Callable[[str], str]) -> list[JSON]:
    """Give every block and element an id where the app gave none, as Slack does when it stores them."""

    def named(element: Any) -> Any:
        clickable = isinstance(element, Mapping) and element.get("type") in IN_SECTION | IN_INPUT
        if not clickable or element.get("type") == "image" or "action_id" in element:
            return element
        return {**element, "action_id": identifier("").lower()[-6:]}

    dressed = []
    for block in blocks:
        body = {"block_id": identifier("").lower()[-6:], **block}
        for key in ("accessory", "element"):
            if key in body:
                body[key] = named(body[key])
        if body.get("type") == "actions":
            body["elements"] = [named(element) for element in body["elements"]]
        dressed.append(body)
    return dressed
