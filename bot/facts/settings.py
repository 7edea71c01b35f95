"""Reading a fact's settings from services.yaml: closed models, and a wrong one becomes a visible gap.

Used by every fact source in this room. `deadline` belongs to whoever calls `gather` and is left out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import Permanent

VARIABLE_NAME = r"\A([A-Z][A-Z0-9_]{0,63})?\z"


class FactSettings(BaseModel):
    """Base of the settings models: strict, immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Settings = TypeVar("Settings", bound=FactSettings)


def settings_of(model: type[Settings], settings: Mapping[str, Any]) -> Settings:
    """The settings, checked. Raises Permanent with the key that is wrong, which `gather` shows as the gap."""
    try:
        return model.model_validate({key: value for key, value in settings.items() if key != "deadline"})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise Permanent(f"services.yaml: {place}: {first['msg']}") from None
