"""chat.* and reactions.*: posting, editing, and what Slack refuses to store.

A group of slack_methods. Limits: reference/apis.md 1.6 and 1.8.
"""

from __future__ import annotations

import json
from typing import Any, Final

from bot.sandbox.slack_blocks import MESSAGE_CHARACTERS, check_message, dress
from bot.sandbox.slack_methods import Method, SlackError, SlackMethods
from bot.sandbox.slack_records import JSON, SlackMessage

POST_CHARACTERS: Final = 40_000
UPDATE_BYTES: Final = 4_000
METADATA_BYTES: Final = 16_000


class ChatMethods(SlackMethods):
    """Messages."""

    def table(self) -> dict[str, Method]:
        """By name."""
        return {
            "chat.postMessage": self.post_message,
            "chat.update": self.update,
            "chat.delete": self.delete,
            "chat.postEphemeral": self.post_ephemeral,
            "chat.getPermalink": self.permalink,
            "reactions.add": self.react,
        }

    def post_message(self, a: JSON) -> JSON:
        """Post into a channel, or to a person's direct messages when `channel` is a user id."""
        channel = (
            self.workspace.direct_channel(a["channel"]) if a.get("channel") in self.workspace.users else self.channel(a)
        )
        content = self._content(a)
        thread = self._thread(channel.id, a)
        if len(content["text"]) > POST_CHARACTERS:
            content["text"] = content["text"][:POST_CHARACTERS]
        broadcast = bool(thread and a.get("reply_broadcast"))
        message = self.workspace.post(
            channel.id,
            self.workspace.bot.id,
            bot_id=self.workspace.bot_id,
            thread_ts=thread,
            broadcast=broadcast,
            **content,
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
        message = self.workspace.edit(message.channel, message.ts, edited=self.workspace.next_ts(), **changes)
        return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": self._shown(message)}

    def delete(self, a: JSON) -> JSON:
        """Remove one of our own messages."""
        message = self._own(a, "cant_delete_message")
        self.workspace.delete(message.channel, message.ts)
        return {"channel": message.channel, "ts": message.ts}

    def post_ephemeral(self, a: JSON) -> JSON:
        """Show something to one member of a channel."""
        channel = self.channel(a)
        user = self.required(a, "user")
        if user not in channel.members:
            raise SlackError("user_not_in_channel")
        content = self._content(a)
        content.pop("metadata")
        message = self.workspace.post_ephemeral(channel.id, user, thread_ts=self._thread(channel.id, a), **content)
        return {"message_ts": message.ts}

    def permalink(self, a: JSON) -> JSON:
        """The address of a message."""
        message = self.message(self.channel(a).id, self.required(a, "message_ts"))
        path = f"/archives/{message.channel}/p{message.ts.replace('.', '')}"
        thread = f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else ""
        return {"channel": message.channel, "permalink": f"https://{self.workspace.domain}.slack.com{path}{thread}"}

    def react(self, a: JSON) -> JSON:
        """Put an emoji under a message, once."""
        message = self.message(self.channel(a).id, self.required(a, "timestamp"))
        mark = (self.required(a, "name"), self.workspace.bot.id)
        if mark in message.reactions:
            raise SlackError("already_reacted")
        self.workspace.edit(message.channel, message.ts, reactions=(*message.reactions, mark))
        return {}

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
        name = self.workspace.identifier
        lively = [{**extra, "blocks": dress(extra.get("blocks") or [], name)} for extra in attachments]
        return {"text": text, "blocks": tuple(dress(blocks, name)), "attachments": tuple(lively), "metadata": metadata}

    @staticmethod
    def _good_metadata(metadata: Any) -> bool:
        if not isinstance(metadata, dict):
            return False
        return isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict)

    def _own(self, a: JSON, error: str = "cant_update_message") -> SlackMessage:
        message = self.message(self.channel(a).id, self.required(a, "ts"))
        if message.user != self.workspace.bot.id:
            raise SlackError(error)
        return message

    def _thread(self, channel: str, a: JSON) -> str:
        """The parent's ts. A ts that is no parent is refused: Slack would start a thread nobody sees."""
        thread = str(a.get("thread_ts") or "")
        if thread and self.message(channel, thread, "cannot_reply_to_message").thread_ts not in ("", thread):
            raise SlackError("cannot_reply_to_message")
        return thread

    def _shown(self, message: SlackMessage) -> JSON:
        return message.as_api(team=self.workspace.team, app=self.workspace.app_id)
