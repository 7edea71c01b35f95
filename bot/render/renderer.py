"""The renderer: one jinja2 environment over `templates/`, two filters in order (`mrkdwn`, then `tojson`), then the limits.

Made once by bot/app.py, used by the Slack room and every recorder. Templates are ours and reviewed; data is never
rendered a second time, so `{{ … }}` in an alert appears literally (case T39). A name that is missing in the data is an
error (StrictUndefined), never an empty place. Must not read the store or a clock: `now` comes in as data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from bot.errors import Permanent
from bot.render import limits, safe_text, wording


@dataclass(frozen=True, slots=True)
class Message:
    """One Slack message. text: the notification and screen-reader fallback, mrkdwn; blocks: within every limit."""

    text: str
    blocks: list[dict[str, Any]]


ENCODE = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes an encoder at every call


def tojson(value: object) -> str:
    """JSON text of a value. The only way data enters a Slack template; plain str, never marked as safe HTML."""
    return ENCODE(value)


class Renderer:
    """folder: the templates folder, with one sub-folder per destination. Compiled templates are cached."""

    def __init__(self, folder: Path) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701 - no HTML is made here: JSON and text, escaped by mrkdwn, tojson and plain
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.do"],
        )
        self._environment.filters |= {
            "mrkdwn": safe_text.mrkdwn,
            "quote": safe_text.quote,
            "code": safe_text.code,
            "exact": safe_text.exact,
            "plain": safe_text.plain,
            "tojson": tojson,
            "utc": wording.utc,
            "utc_date": wording.utc_date,
            "slack_time": wording.slack_time,
            "duration": wording.duration,
            "observed": wording.observed,
            "said": wording.said,
        }
        self._environment.globals |= {
            "link": safe_text.link,
            "ago": wording.ago,
            "before": wording.before,
            "counted": wording.counted,
        }

    def warm(self) -> int:
        """Compile every template now, so that the first incident does not wait for it; how many there are."""
        names = self._environment.list_templates(extensions=["j2"])
        for name in names:
            self._environment.get_template(name)
        return len(names)

    def blocks(self, name: str, **data: Any) -> Message:
        """The Slack message of `slack/<name>.json.j2`. Raises Permanent when template and data do not fit together."""
        made = self._json(name, data)
        return Message(text=limits.cut_bytes(made["text"]), blocks=limits.fit(made["blocks"]))

    def view(self, name: str, **data: Any) -> dict[str, Any]:
        """The modal or Home view of `slack/<name>.json.j2`. Raises Permanent."""
        return limits.fit_view(self._json(name, data))

    def text(self, destination: str, name: str, **data: Any) -> str:
        """Plain text of `<destination>/<name>.txt.j2` (`pagerduty`, `ticket`). Raises Permanent."""
        return self._render(f"{destination}/{name}.txt.j2", data).strip()

    def document(self, name: str, **data: Any) -> str:
        """Markdown of `runbook/<name>.md.j2`: at most one empty line in a row, one newline at the end. Raises Permanent."""
        lines = [line.rstrip() for line in self._render(f"runbook/{name}.md.j2", data).strip().splitlines()]
        kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
        return "\n".join(kept) + "\n"

    def exists(self, name: str) -> bool:
        """Whether `slack/<name>.json.j2` is there."""
        return f"slack/{name}.json.j2" in self._environment.list_templates(extensions=["j2"])

    def _json(self, name: str, data: dict[str, Any]) -> dict[str, Any]:
        place = f"slack/{name}.json.j2"
        try:
            made: dict[str, Any] = json.loads(self._render(place, data))
        except json.JSONDecodeError as error:
            raise Permanent(f"templates/{place} did not make JSON: {error}") from error
        return made

    def _render(self, place: str, data: dict[str, Any]) -> str:
        try:
            return self._environment.get_template(place).render(data)
        except (jinja2.TemplateError, TypeError, AttributeError, KeyError) as error:
            raise Permanent(f"templates/{place}: {type(error).__name__}: {error}") from error
