"""views.*: modals and the Home tab.

A group of slack_methods. Limits: reference/apis.md 1.6; triggers and hashes: 1.8.
"""

from __future__ import annotations

import json
from typing import Final

from bot.sandbox.slack_blocks import check_view, dress
from bot.sandbox.slack_methods import Method, SlackError, SlackMethods
from bot.sandbox.slack_records import JSON, SlackView

VIEW_BYTES: Final = 250_000
STACK: Final = 3


class ViewMethods(SlackMethods):
    """Views."""

    def table(self) -> dict[str, Method]:
        """By name."""
        return {
            "views.open": lambda a: self.open_view(a, push=False),
            "views.push": lambda a: self.open_view(a, push=True),
            "views.update": self.update_view,
            "views.publish": self.publish_view,
        }

    def open_view(self, a: JSON, *, push: bool) -> JSON:
        """Open a modal, or push one on the stack, with a fresh trigger."""
        trigger = self.workspace.triggers.get(self.required(a, "trigger_id"))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.workspace.clock() > trigger.expires_at:
            raise SlackError("expired_trigger_id")
        body = self._view_body(a, ("modal",))
        trigger.used = True
        stack = self.workspace.open_views(trigger.user) if push else []
        if push and not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK:
            raise SlackError("push_limit_reached")
        view = self.workspace.new_view(trigger.user, body, stack[-1] if stack else None)
        self.workspace.set_views(trigger.user, [*stack, view])
        return {"view": self.workspace.view_as_api(view)}

    def update_view(self, a: JSON) -> JSON:
        """Change a view that is open; with `hash` only when nobody changed it meanwhile."""
        view = self.workspace.find_view(str(a.get("view_id") or "")) or self._by_external_id(a)
        if view is None:
            raise SlackError("not_found")
        if a.get("hash") and a["hash"] != view.hash:
            raise SlackError("hash_conflict")
        body = self._view_body(a, (str(view.body["type"]),))
        return {"view": self.workspace.view_as_api(self.workspace.replace_view(view, body))}

    def publish_view(self, a: JSON) -> JSON:
        """Set a person's Home tab."""
        user = self.required(a, "user_id")
        if user not in self.workspace.users:
            raise SlackError("invalid_arguments", ["[ERROR] no such user [json-pointer:/user_id]"])
        body = self._view_body(a, ("home",))
        before = self.workspace.homes.get(user)
        if before and a.get("hash") and a["hash"] != before.hash:
            raise SlackError("hash_conflict")
        if before:
            return {"view": self.workspace.view_as_api(self.workspace.replace_view(before, body))}
        view = self.workspace.new_view(user, body)
        self.workspace.publish_home(user, view)
        return {"view": self.workspace.view_as_api(view)}

    def _view_body(self, a: JSON, kinds: tuple[str, ...]) -> JSON:
        body = a.get("view")
        if not isinstance(body, dict):
            raise SlackError("invalid_arguments", ["[ERROR] missing required field: view [json-pointer:/view]"])
        if len(json.dumps(body)) > VIEW_BYTES:
            raise SlackError("view_too_large")
        problems = check_view(body)
        if body.get("type") not in kinds:
            problems.append(f"[ERROR] must be a view of type {' or '.join(kinds)} [json-pointer:/view/type]")
        if problems:
            raise SlackError("invalid_arguments", problems)
        return {**body, "blocks": dress(body.get("blocks") or [], self.workspace.identifier)}

    def _by_external_id(self, a: JSON) -> SlackView | None:
        wanted = a.get("external_id")
        stacks = [view for user in self.workspace.users for view in self.workspace.open_views(user)]
        return next((v for v in stacks if wanted and v.body.get("external_id") == wanted), None)
