"""Who and what there is: auth.test, users.*, conversations.*, usergroups.*.

A group of slack_methods. Rate tiers and flags: reference/apis.md 1.5 and 1.7.
"""

from __future__ import annotations

from bot.sandbox.slack_methods import Method, SlackError, SlackMethods
from bot.sandbox.slack_records import JSON, SlackMessage


class DirectoryMethods(SlackMethods):
    """People, channels and their history."""

    def table(self) -> dict[str, Method]:
        """By name."""
        return {
            "api.test": lambda a: {"args": a},
            "auth.test": self.auth_test,
            "team.info": self.team_info,
            "bots.info": self.bots_info,
            "users.info": self.user_info,
            "users.list": self.user_list,
            "users.lookupByEmail": self.user_by_email,
            "conversations.info": lambda a: {"channel": self.channel(a).as_api(self.workspace.bot.id)},
            "conversations.list": self.channel_list,
            "users.conversations": self.channel_list,
            "conversations.open": self.open_channel,
            "conversations.join": self.join,
            "conversations.members": lambda a: self.page(a, "members", sorted(self.channel(a).members)),
            "conversations.history": self.history,
            "conversations.replies": self.replies,
            "usergroups.list": self.group_list,
            "usergroups.users.list": self.group_members,
        }

    def auth_test(self, _: JSON) -> JSON:
        """Who the token is."""
        w = self.workspace
        names = {"team": w.domain, "user": w.bot.name, "team_id": w.team, "user_id": w.bot.id, "bot_id": w.bot_id}
        return {"url": f"https://{w.domain}.slack.com/", "is_enterprise_install": False, **names}

    def team_info(self, _: JSON) -> JSON:
        """The workspace."""
        return {
            "team": {"id": self.workspace.team, "name": "Sandbox", "domain": self.workspace.domain, "email_domain": ""}
        }

    def bots_info(self, _: JSON) -> JSON:
        """The app's own bot."""
        w = self.workspace
        return {"bot": {"id": w.bot_id, "user_id": w.bot.id, "name": w.bot.name, "app_id": w.app_id, "deleted": False}}

    def user_info(self, a: JSON) -> JSON:
        """One member."""
        user = self.workspace.users.get(self.required(a, "user"))
        if user is None:
            raise SlackError("user_not_found")
        return {"user": user.as_api(self.workspace.team)}

    def user_list(self, a: JSON) -> JSON:
        """All members."""
        return self.page(a, "members", [u.as_api(self.workspace.team) for u in self.workspace.users.values()])

    def user_by_email(self, a: JSON) -> JSON:
        """The member with an e-mail address."""
        email = self.required(a, "email")
        user = next((u for u in self.workspace.users.values() if u.email and u.email == email and not u.deleted), None)
        if user is None:
            raise SlackError("users_not_found")
        return {"user": user.as_api(self.workspace.team)}

    def channel_list(self, a: JSON) -> JSON:
        """The channels the bot may know of."""
        kinds = str(a.get("types") or "public_channel").split(",")
        rooms = [c for c in self.workspace.channels.values() if ("im" if c.is_im else "public_channel") in kinds]
        return self.page(a, "channels", [c.as_api(self.workspace.bot.id) for c in rooms])

    def open_channel(self, a: JSON) -> JSON:
        """The direct messages with one person."""
        user = str(a.get("users") or "")
        if user not in self.workspace.users:
            raise SlackError("user_not_found")
        return {"channel": {"id": self.workspace.direct_channel(user).id}}

    def join(self, a: JSON) -> JSON:
        """Become a member."""
        channel = self.channel(a)
        channel.members.add(self.workspace.bot.id)
        return {"channel": channel.as_api(self.workspace.bot.id)}

    def history(self, a: JSON) -> JSON:
        """Top-level messages, newest first."""
        found = [m for m in reversed(self.workspace.messages(self.channel(a).id)) if self._within(m.ts, a)]
        return self.page(a, "messages", [self._listed(m, a) for m in found]) | {"pin_count": 0}

    def replies(self, a: JSON) -> JSON:
        """A thread, oldest first, the parent always included."""
        parent = self.message(self.channel(a).id, self.required(a, "ts"), "thread_not_found")
        thread = self.workspace.thread(parent.channel, parent.thread_ts or parent.ts)
        found = [thread[0], *(m for m in thread[1:] if self._within(m.ts, a))]
        return self.page(a, "messages", [self._listed(m, a) for m in found])

    def group_list(self, a: JSON) -> JSON:
        """All user groups."""
        groups = self.workspace.usergroups.values()
        plain: list[JSON] = [
            {"id": g.id, "team_id": self.workspace.team, "handle": g.handle, "name": g.name} for g in groups
        ]
        if a.get("include_users"):
            plain = [{**row, "users": list(g.members)} for row, g in zip(plain, groups, strict=True)]
        return {"usergroups": plain}

    def group_members(self, a: JSON) -> JSON:
        """The members of one user group."""
        group = self.workspace.usergroups.get(self.required(a, "usergroup"))
        if group is None:
            raise SlackError("no_such_subteam")
        return {"users": list(group.members)}

    def _within(self, ts: str, a: JSON) -> bool:
        oldest, latest, inclusive = str(a.get("oldest") or "0"), str(a.get("latest") or ""), bool(a.get("inclusive"))
        if inclusive and ts in (oldest, latest):
            return True
        return float(ts) > float(oldest) and (not latest or float(ts) < float(latest))

    def _listed(self, message: SlackMessage, a: JSON) -> JSON:
        body = message.as_api(
            team=self.workspace.team, app=self.workspace.app_id, with_metadata=bool(a.get("include_all_metadata"))
        )
        replies = self.workspace.thread(message.channel, message.ts)[1:]
        if replies:
            users = list(dict.fromkeys(reply.user for reply in replies))
            body |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
            body |= {"reply_users": users, "reply_users_count": len(users)}
        return body
