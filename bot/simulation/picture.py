"""A picture of a rehearsal: one HTML file with the cards as the sandbox draws them, and nothing to load from anywhere.

Called by bot/cli/simulate.py for `--html`. The page's own modules (bot/sandbox/page) draw it, unchanged but for the names by
which they import each other; what came from outside stands in it only as JSON that those modules put into text nodes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.simulation.rehearsal import Rehearsal
from bot.stages.base import Equipment

OWN = Path(__file__).parent / "page"
SANDBOX = OWN.parents[1] / "sandbox" / "page"
STYLES = (SANDBOX / "frame.css", SANDBOX / "slack.css", OWN / "picture.css")
FIRST = "picture.js"
BOT = {"id": "UBOT", "name": "countersign", "real_name": "Countersign", "colour": "#1d6b52", "is_bot": True}
COLOURS = ("#2b6cb0", "#2f855a", "#b7791f", "#718096", "#6b46c1", "#c05621")
CHANNEL = {"id": "C0SIMULATED", "name": "incidents", "is_im": False, "members": [], "topic": ""}
_IMPORT = re.compile(r'from "\./([a-z]+)\.js"')


def picture(equipment: Equipment, rehearsal: Rehearsal, about: str, text: str) -> str:
    """The whole file. about: the first line; text: the report that stands below the cards."""
    parts = {
        "styles": "\n".join(path.read_text(encoding="utf-8") for path in STYLES),
        "icon": (SANDBOX / "icon.svg").read_text(encoding="utf-8"),
        "shown": _json(_shown(equipment, rehearsal, about, text)),
        "modules": _json({"imports": _modules(FIRST)}),
    }
    page = (OWN / "picture.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{([a-z]+)\}\}", lambda found: parts[found.group(1)], page)


def _modules(first: str) -> dict[str, str]:
    """Name -> data address of the first module and of everything it needs. Ours come before the sandbox's."""
    found: dict[str, str] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop()
        key = name.removesuffix(".js")
        if key in found:
            continue
        own = OWN / name
        source = (own if own.is_file() else SANDBOX / name).read_text(encoding="utf-8")
        waiting += [f"{one}.js" for one in _IMPORT.findall(source)]
        # a relative import means nothing inside a data address, a bare name is what the import map is for
        bare = _IMPORT.sub(r'from "\1"', source)
        found[key] = f"data:text/javascript;base64,{base64.b64encode(bare.encode()).decode()}"
    return dict(sorted(found.items()))


def _json(value: Any) -> str:
    """JSON that cannot end the element it stands in, whatever an alert says."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _shown(equipment: Equipment, rehearsal: Rehearsal, about: str, text: str) -> dict[str, Any]:
    asker = rehearsal.asker
    me = asker.slack[0].user if asker is not None and asker.slack else "UME"
    at = rehearsal.incident.opened_at.timestamp()
    room = [_message(at, rehearsal.summary)]
    thread = [_message(at + 1, rehearsal.card)] if rehearsal.card is not None else []
    if rehearsal.answer is not None:
        thread.append({**_message(at + 2, rehearsal.answer), "visible_to": me})
    asked = f"{asker.name} asked for the step" if asker is not None and rehearsal.answer is not None else ""
    return {
        "about": about,
        "asked": "The bot asked by itself" if rehearsal.by_itself else asked,
        "channel": CHANNEL,
        "me": me,
        "room": room,
        "text": text,
        "thread": thread,
        "users": [BOT, *_people(equipment)],
    }


def _message(at: float, message: Any) -> dict[str, Any]:
    return {
        "channel": CHANNEL["id"],
        "ts": f"{at:.6f}",
        "user": BOT["id"],
        "text": message.text,
        "blocks": message.blocks,
    }


def _people(equipment: Equipment) -> Iterable[dict[str, Any]]:
    for number, person in enumerate(equipment.people.people):
        colour = COLOURS[number % len(COLOURS)]
        for account in person.slack[:1]:
            yield {"id": account.user, "name": person.id, "real_name": person.name, "colour": colour, "is_bot": False}
