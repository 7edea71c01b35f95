"""What each Web API method does to the workspace and answers.

Called by slack_api after the token and the rate limit were checked. Must not know HTTP. A refused call raises
SlackError with Slack's own error code (docs.slack.dev method pages; reference/apis.md 1.5 to 1.8).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from bot.sandbox.slack_blocks import MESSAGE_CHARACTERS, check_message, check_view, dress
from bot.sandbox.slack_records import JSON, NotShown, SlackChannel, SlackMessage, SlackView
from bot.sandbox.slack_state import SlackWorkspace

POST_CHARACTERS: Final = 40_000
UPDATE_BYTES: Final = 4_000
METADATA_BYTES: Final = 16_000
VIEW_BYTES: Final = 250_000
STACK: Final = 3

Method = Callable[[JSON], JSON]


class SlackError(Exception):
    """A call that Slack refuses: `{"ok": false, "error": code}` with HTTP 200."""

    def __init__(self, code: str, messages: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []


class SlackMethods:
    """The methods by name, over one workspace. Arguments are decoded JSON values."""

    def __init__(self, workspace: SlackWorkspace) -> None:
        self._w = workspace
        self.table: Final[dict[str, Method]] = {
            "api.test": lambda a: {"args": a},
            "auth.test": self.auth_test,
            "team.info": self.team_info,
            "bots.info": self.bots_info,
            "chat.postMessage": self.post_message,
            "chat.update": self.update,
            "chat.delete": self.delete,
            "chat.postEphemeral": self.post_ephemeral,
            "chat.getPermalink": self.permalink,
            "views.open": lambda a: self.open_view(a, push=False),
            "views.push": lambda a: self.open_view(a, push=True),
            "views.update": self.update_view,
            "views.publish": self.publish_view,
            "users.info": self.user_info,
            "users.list": self.user_list,
            "users.lookupByEmail": self.user_by_email,
            "conversations.info": lambda a: {"channel": self._channel(a).as_api(self._w.bot.id)},
            "conversations.list": self.channel_list,
            "users.conversations": self.channel_list,
            "conversations.open": self.open_channel,
            "conversations.join": self.join,
            "conversations.members": lambda a: self._page(a, "members", sorted(self._channel(a).members)),
            "conversations.history": self.history,
            "conversations.replies": self.replies,
            "usergroups.list": self.group_list,
            "usergroups.users.list": self.group_members,
            "reactions.add": self.react,
        }

    # -- chat ----------------------------------------------------------------------------------------------------
    def post_message(self, a: JSON) -> JSON:
        """Post into a channel, or to a person's direct messages when `channel` is a user id."""
        channel = self._w.direct_channel(a["channel"]) if a.get("channel") in self._w.users else self._channel(a)
        content = self._content(a)
        thread = self._thread(channel.id, a)
        if len(content["text"]) > POST_CHARACTERS:
            content["text"] = content["text"][:POST_CHARACTERS]
        broadcast = bool(thread and a.get("reply_broadcast"))
        message = self._w.post(
            channel.id, self._w.bot.id, bot_id=self._w.bot_id, thread_ts=thread, broadcast=broadcast, **content
        )
        return {"channel": channel.id, "ts": message.ts, "message": self._shown(message)}

    def update(self, a: JSON) -> JSON:
        """Edit one of our own messages; what is left out stays, an empty list removes."""
        message = self._own(a)
        if len(str(a.get("text") or "").encode()) > UPDATE_BYTES:
            raise SlackError("msg_too_long")
        changes = self._content(a, existing=message)
        if not a.get("text") and a.get("blocks") is None and a.get("attachments") is None:
            raise SlackError("no_text")
        for key in ("blocks", "attachments", "metadata", "text"):
            if a.get(key) is None:
                changes.pop(key, None)
        message = self._w.edit(message.channel, message.ts, edited=self._w.next_ts(), **changes)
        return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": self._shown(message)}

    def delete(self, a: JSON) -> JSON:
        """Remove one of our own messages."""
        message = self._own(a, "cant_delete_message")
        self._w.delete(message.channel, message.ts)
        return {"channel": message.channel, "ts": message.ts}

    def post_ephemeral(self, a: JSON) -> JSON:
        """Show something to one member of a channel."""
        channel = self._channel(a)
        user = self._required(a, "user")
        if user not in channel.members:
            raise SlackError("user_not_in_channel")
        content = self._content(a)
        content.pop("metadata")
        message = self._w.post_ephemeral(channel.id, user, thread_ts=self._thread(channel.id, a), **content)
        return {"message_ts": message.ts}

    def permalink(self, a: JSON) -> JSON:
        """The address of a message."""
        message = self._message(self._channel(a).id, self._required(a, "message_ts"))
        path = f"/archives/{message.channel}/p{message.ts.replace('.', '')}"
        thread = f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else ""
        return {"channel": message.channel, "permalink": f"https://{self._w.domain}.slack.com{path}{thread}"}

    def react(self, a: JSON) -> JSON:
        """Put an emoji under a message, once."""
        message = self._message(self._channel(a).id, self._required(a, "timestamp"))
        mark = (self._required(a, "name"), self._w.bot.id)
        if mark in message.reactions:
            raise SlackError("already_reacted")
        self._w.edit(message.channel, message.ts, reactions=(*message.reactions, mark))
        return {}

    # -- views ---------------------------------------------------------------------------------------------------
    def open_view(self, a: JSON, *, push: bool) -> JSON:
        """Open a modal, or push one on the stack, with a fresh trigger."""
        trigger = self._w.triggers.get(self._required(a, "trigger_id"))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._w.clock() > trigger.expires_at:
            raise SlackError("expired_trigger_id")
        body = self._view_body(a, ("modal",))
        trigger.used = True
        stack = self._w.open_views(trigger.user) if push else []
        if push and not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK:
            raise SlackError("push_limit_reached")
        view = self._w.new_view(trigger.user, body, stack[-1] if stack else None)
        self._w.set_views(trigger.user, [*stack, view])
        return {"view": self._w.view_as_api(view)}

    def update_view(self, a: JSON) -> JSON:
        """Change a view that is open; with `hash` only when nobody changed it meanwhile."""
        view = self._w.find_view(str(a.get("view_id") or "")) or self._by_external_id(a)
        if view is None:
            raise SlackError("not_found")
        if a.get("hash") and a["hash"] != view.hash:
            raise SlackError("hash_conflict")
        body = self._view_body(a, (str(view.body["type"]),))
        return {"view": self._w.view_as_api(self._w.replace_view(view, body))}

    def publish_view(self, a: JSON) -> JSON:
        """Set a person's Home tab."""
        user = self._required(a, "user_id")
        if user not in self._w.users:
            raise SlackError("invalid_arguments", ["[ERROR] no such user [json-pointer:/user_id]"])
        body = self._view_body(a, ("home",))
        before = self._w.homes.get(user)
        if before and a.get("hash") and a["hash"] != before.hash:
            raise SlackError("hash_conflict")
        if before:
            return {"view": self._w.view_as_api(self._w.replace_view(before, body))}
        view = self._w.new_view(user, body)
        self._w.publish_home(user, view)
        return {"view": self._w.view_as_api(view)}

    # -- people and channels -------------------------------------------------------------------------------------
    def auth_test(self, _: JSON) -> JSON:
        """Who the token is."""
        w = self._w
        names = {"team": w.domain, "user": w.bot.name, "team_id": w.team, "user_id": w.bot.id, "bot_id": w.bot_id}
        return {"url": f"https://{w.domain}.slack.com/", "is_enterprise_install": False, **names}

    def team_info(self, _: JSON) -> JSON:
        """The workspace."""
        return {"team": {"id": self._w.team, "name": "Sandbox", "domain": self._w.domain, "email_domain": ""}}

    def bots_info(self, _: JSON) -> JSON:
        """The app's own bot."""
        w = self._w
        return {"bot": {"id": w.bot_id, "user_id": w.bot.id, "name": w.bot.name, "app_id": w.app_id, "deleted": False}}

    def user_info(self, a: JSON) -> JSON:
        """One member."""
        user = self._w.users.get(self._required(a, "user"))
        if user is None:
            raise SlackError("user_not_found")
        return {"user": user.as_api(self._w.team)}

    def user_list(self, a: JSON) -> JSON:
        """All members."""
        return self._page(a, "members", [u.as_api(self._w.team) for u in self._w.users.values()])

    def user_by_email(self, a: JSON) -> JSON:
        """The member with an e-mail address."""
        email = self._required(a, "email")
        user = next((u for u in self._w.users.values() if u.email and u.email == email and not u.deleted), None)
        if user is None:
            raise SlackError("users_not_found")
        return {"user": user.as_api(self._w.team)}

    def channel_list(self, a: JSON) -> JSON:
        """The channels the bot may know of."""
        kinds = str(a.get("types") or "public_channel").split(",")
        rooms = [c for c in self._w.channels.values() if ("im" if c.is_im else "public_channel") in kinds]
        return self._page(a, "channels", [c.as_api(self._w.bot.id) for c in rooms])

    def open_channel(self, a: JSON) -> JSON:
        """The direct messages with one person."""
        user = str(a.get("users") or "")
        if user not in self._w.users:
            raise SlackError("user_not_found")
        return {"channel": {"id": self._w.direct_channel(user).id}}

    def join(self, a: JSON) -> JSON:
        """Become a member."""
        channel = self._channel(a)
        channel.members.add(self._w.bot.id)
        return {"channel": channel.as_api(self._w.bot.id)}

    def history(self, a: JSON) -> JSON:
        """Top-level messages, newest first."""
        found = [m for m in reversed(self._w.messages(self._channel(a).id)) if self._within(m.ts, a)]
        return self._page(a, "messages", [self._listed(m, a) for m in found]) | {"pin_count": 0}

    def replies(self, a: JSON) -> JSON:
        """A thread, oldest first, the parent always included."""
        parent = self._message(self._channel(a).id, self._required(a, "ts"), "thread_not_found")
        thread = self._w.thread(parent.channel, parent.thread_ts or parent.ts)
        found = [thread[0], *(m for m in thread[1:] if self._within(m.ts, a))]
        return self._page(a, "messages", [self._listed(m, a) for m in found])

    def group_list(self, a: JSON) -> JSON:
        """All user groups."""
        groups = self._w.usergroups.values()
        plain: list[JSON] = [{"id": g.id, "team_id": self._w.team, "handle": g.handle, "name": g.name} for g in groups]
        if a.get("include_users"):
            plain = [{**row, "users": list(g.members)} for row, g in zip(plain, groups, strict=True)]
        return {"usergroups": plain}

    def group_members(self, a: JSON) -> JSON:
        """The members of one user group."""
        group = self._w.usergroups.get(self._required(a, "usergroup"))
        if group is None:
            raise SlackError("no_such_subteam")
        return {"users": list(group.members)}

    # -- checks --------------------------------------------------------------------------------------------------
    def _content(self, a: JSON, existing: SlackMessage | None = None) -> JSON:
        text, blocks, attachments = str(a.get("text") or ""), a.get("blocks") or [], a.get("attachments") or []
        if existing is None and not (text or blocks or attachments):
            raise SlackError("no_text")
        checker = check_message(blocks)
        for attachment in attachments:
            checker.blocks(attachment.get("blocks") or [], "/attachments/0/blocks", 50, "message")
        if checker.problems:
            raise SlackError("invalid_blocks", checker.problems)
        if checker.characters > MESSAGE_CHARACTERS:
            raise SlackError("msg_blocks_too_long")
        metadata = a.get("metadata")
        if metadata is not None and not self._good_metadata(metadata):
            raise SlackError("invalid_metadata_format")
        if metadata is not None and len(json.dumps(metadata)) > METADATA_BYTES:
            raise SlackError("metadata_too_large")
        name = self._w.identifier
        lively = [{**extra, "blocks": dress(extra.get("blocks") or [], name)} for extra in attachments]
        return {"text": text, "blocks": tuple(dress(blocks, name)), "attachments": tuple(lively), "metadata": metadata}

    @staticmethod
    def _good_metadata(metadata: Any) -> bool:
        if not isinstance(metadata, dict):
            return False
        return isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict)

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
        return {**body, "blocks": dress(body.get("blocks") or [], self._w.identifier)}

    def _by_external_id(self, a: JSON) -> SlackView | None:
        wanted = a.get("external_id")
        stacks = [view for user in self._w.users for view in self._w.open_views(user)]
        return next((v for v in stacks if wanted and v.body.get("external_id") == wanted), None)

    def _required(self, a: JSON, name: str) -> str:
        if not a.get(name):
            raise SlackError("invalid_arguments", [f"[ERROR] missing required field: {name} [json-pointer:/{name}]"])
        return str(a[name])

    def _channel(self, a: JSON) -> SlackChannel:
        channel = self._w.channels.get(str(a.get("channel") or ""))
        if channel is None:
            raise SlackError("channel_not_found")
        return channel

    def _message(self, channel: str, ts: str, error: str = "message_not_found") -> SlackMessage:
        try:
            return self._w.message(channel, ts)
        except NotShown:
            raise SlackError(error) from None

    def _own(self, a: JSON, error: str = "cant_update_message") -> SlackMessage:
        message = self._message(self._channel(a).id, self._required(a, "ts"))
        if message.user != self._w.bot.id:
            raise SlackError(error)
        return message

    def _thread(self, channel: str, a: JSON) -> str:
        """The parent's ts. A ts that is no parent is refused: Slack would start a thread nobody sees."""
        thread = str(a.get("thread_ts") or "")
        if thread and self._message(channel, thread, "cannot_reply_to_message").thread_ts not in ("", thread):
            raise SlackError("cannot_reply_to_message")
        return thread

    def _within(self, ts: str, a: JSON) -> bool:
        oldest, latest, inclusive = str(a.get("oldest") or "0"), str(a.get("latest") or ""), bool(a.get("inclusive"))
        if inclusive and ts in (oldest, latest):
            return True
        return float(ts) > float(oldest) and (not latest or float(ts) < float(latest))

    def _page(self, a: JSON, name: str, items: list[Any]) -> JSON:
        """One page of a list; the cursor is the position to go on from."""
        limit, start = int(a.get("limit") or 1000), int(a.get("cursor") or 0)
        more = len(items) > start + limit
        answer: JSON = {name: items[start : start + limit], "response_metadata": {"next_cursor": ""}}
        if more:
            answer["response_metadata"]["next_cursor"] = str(start + limit)
        return answer | ({"has_more": more} if name == "messages" else {})

    def _shown(self, message: SlackMessage) -> JSON:
        return message.as_api(team=self._w.team, app=self._w.app_id)

    def _listed(self, message: SlackMessage, a: JSON) -> JSON:
        body = message.as_api(
            team=self._w.team, app=self._w.app_id, with_metadata=bool(a.get("include_all_metadata"))
        )
        replies = self._w.thread(message.channel, message.ts)[1:]
        if replies:
            users = list(dict.fromkeys(reply.user for reply in replies))
            body |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
            body |= {"reply_users": users, "reply_users_count": len(users)}
        return body
