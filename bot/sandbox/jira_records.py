"""What the Jira stand-in keeps: issues, and how a call is refused.

Used by jira. Values only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

JSON = dict[str, Any]
STATUSES: Final = {"10000": ("To Do", "new"), "10001": ("In Progress", "indeterminate"), "10002": ("Done", "done")}
TRANSITIONS: Final = {"11": ("To Do", "10000"), "21": ("In Progress", "10001"), "31": ("Done", "10002")}


class JiraError(Exception):
    """A refused call in Jira's two-part form."""

    def __init__(self, status: int, message: str = "", **errors: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: JSON = {"errorMessages": [message] if message else [], "errors": errors}


@dataclass(slots=True)
class Issue:
    """One issue. fields: as created; comments: as REST shows them, body in ADF."""

    id: str
    key: str
    fields: JSON
    created: str
    updated: str
    status: str = "10000"
    comments: list[JSON] = field(default_factory=list)
    properties: JSON = field(default_factory=dict)
    links: list[JSON] = field(default_factory=list)

    def as_rest(self, base: str) -> JSON:
        """As `GET issue` returns it."""
        name, category = STATUSES[self.status]
        status = {"id": self.status, "name": name, "statusCategory": {"key": category}}
        comment = {"comments": self.comments, "maxResults": len(self.comments), "total": len(self.comments)}
        own = {"status": status, "created": self.created, "updated": self.updated, "comment": comment}
        own["project"] = {"key": self.key.partition("-")[0]}
        fields: JSON = {"labels": [], "priority": None, "assignee": None, **self.fields, **own}
        return {"id": self.id, "key": self.key, "self": f"{base}/rest/api/3/issue/{self.id}", "fields": fields}
