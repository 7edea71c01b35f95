"""Configuration: one countersign.yaml with services.yaml, policy.yaml and people.yaml beside it; secrets by environment.

Loaded by bot/app.py and every `runbookctl` command that needs it. Unknown keys are errors; a wrong value names the
file, the key and the fix (ConfigurationError). Must not open sockets or the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError

from bot.config_file import read_yaml
from bot.errors import ConfigurationError
from bot.incident import Frozen
from bot.services import Catalogue, People
from guards.duration import seconds
from runbooks.promotion import FOLDER

SECRETS = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "PAGERDUTY_API_TOKEN",
    "PAGERDUTY_ROUTING_KEY",
    "PAGERDUTY_WEBHOOK_SECRETS",
    "GITHUB_WEBHOOK_SECRETS",
    "JIRA_TOKEN",
    "SERVICENOW_PASSWORD",
)
ADDRESSES = (
    "SLACK_API_URL",
    "PAGERDUTY_FROM",
    "PAGERDUTY_API_URL",
    "PAGERDUTY_EVENTS_URL",
    "JIRA_URL",
    "JIRA_USER",
    "SERVICENOW_URL",
    "SERVICENOW_USER",
    "DATABASE_URL",
    "ENGINE_URL",
)


class Listen(Frozen):
    """Where the web server listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class SlackSettings(Frozen):
    """channel: id of the default incident channel; team: id of our workspace, other teams are refused.

    posts_per_second: per channel; Slack documents about 1 (reference/apis.md 1.5). burst: messages at once.
    check_accounts: ask Slack (`users.info`) that an account is no guest, stranger or bot before it changes something.
    """

    mode: Literal["socket", "http"] = "socket"
    channel: str = Field(min_length=1)
    team: str = Field(min_length=1)
    command: str = Field(default="/runbook", pattern=r"^/[a-z][a-z0-9-]{0,30}$")
    posts_per_second: float = Field(default=1.0, gt=0, le=10)
    burst: int = Field(default=3, ge=1, le=20)
    check_accounts: bool = True


class PagerDutySettings(Frozen):
    """poll_every: seconds between looks for incidents a webhook missed; 0 switches the poller off.

    page_unclaimed_after: seconds after which people are paged to a severe incident that no runbook fits and nobody has
    acknowledged (mission X7: within three minutes); 0 leaves that to PagerDuty alone.
    """

    poll_every: float = Field(default=60.0, ge=0, le=3600)
    page_unclaimed_after: float = Field(default=120.0, ge=0, le=3600)
    stale_after: float = Field(default=600.0, gt=0)
    write_notes: bool = True


class EngineSettings(Frozen):
    """poll: seconds between looks for wake-ups (engine.md pitfall and cost table); threads: engine thread pool size."""

    poll: float = Field(default=0.5, gt=0, le=10)
    threads: int = Field(default=8, ge=2, le=64)


def _seconds(value: Any) -> float:
    try:
        return seconds(value, "this")
    except TypeError as error:  # pydantic tells a ValueError with its place, and lets this one through
        raise ValueError(str(error)) from error


Duration = Annotated[float, BeforeValidator(_seconds)]
"""`15m`, `24h`, `2d` or a number of seconds, more than 0 and at most 31 days; kept in seconds."""


class PromotionSettings(Frozen):
    """Which environments ask for a promotion record, and what a promotion needs (docs/promotion.md; mission R5).

    ladder: environments, lowest first; the first is policy's `lowest_environment`. without_record: others that ask for none.
    runs: successful runs of the very digest one rung below, in a row. min_age: seconds since the first of them.
    demote_on_failure: a run that leaves it to people ends the promotion of its version there.
    """

    ladder: tuple[str, ...] = ()
    without_record: tuple[str, ...] = ()
    runs: int = Field(default=3, ge=1, le=1000)
    min_age: Duration = 86_400.0
    demote_on_failure: bool = True


class File(Frozen):
    """countersign.yaml itself. Paths are relative to the file's folder."""

    state_dir: str = "state"
    listen: Listen = Listen()
    services: str = "services.yaml"
    policy: str = "policy.yaml"
    people: str = "people.yaml"
    runbooks: tuple[str, ...] = ()
    builtin_runbooks: bool = True
    slack: SlackSettings
    pagerduty: PagerDutySettings = PagerDutySettings()
    engine: EngineSettings = EngineSettings()
    promotion: PromotionSettings = PromotionSettings()
    worker: str = Field(default="worker-1", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    http_hosts: tuple[str, ...] = ()


class Configuration(BaseModel):
    """Everything the bot needs to start. secrets and addresses are keyed by the environment variable's name."""

    model_config = {"frozen": True, "arbitrary_types_allowed": True}

    path: Path
    file: File
    catalogue: Catalogue
    people: People
    policy: dict[str, Any]
    secrets: dict[str, SecretStr]
    addresses: dict[str, str]

    @property
    def state_dir(self) -> Path:
        """Absolute folder of the databases, the lock and the kill-switch file."""
        return (self.path.parent / self.file.state_dir).resolve()

    @property
    def promotion_folders(self) -> tuple[Path, ...]:
        """Where promotion records are read from: beside your runbooks, and beside countersign.yaml."""
        folder = self.path.parent
        return tuple(dict.fromkeys([*(folder / name / FOLDER for name in self.file.runbooks), folder / FOLDER]))

    def secret(self, name: str) -> str:
        """The secret's text, or '' when it is not set."""
        value = self.secrets.get(name)
        return value.get_secret_value() if value else ""

    def address(self, name: str, default: str = "") -> str:
        """A base address or user from the environment."""
        return self.addresses.get(name) or default


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], data: Mapping[str, Any], path: Path) -> Model:
    """Validate a mapping; the first mistake becomes a ConfigurationError that names file and key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        fix = "remove the key or correct its spelling." if first["type"] == "extra_forbidden" else "correct the value."
        raise ConfigurationError(f"{first['msg']}{more}.", place=f"{path.name}: {key}", fix=fix) from error


def read_secret(environ: Mapping[str, str], name: str) -> str:
    """A secret from NAME or from the file that NAME_FILE names. Raises ConfigurationError when that file is unreadable."""
    if environ.get(name):
        return environ[name]
    file = environ.get(f"{name}_FILE")
    if not file:
        return ""
    place = f"environment: {name}_FILE"
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(
            f"the file {file} cannot be read ({why}).", place=place, fix="point it at a readable file."
        ) from error
    if not value:
        raise ConfigurationError(f"the file {file} is empty.", place=place, fix="write the secret into it.")
    return value


def load(path: Path, environ: Mapping[str, str]) -> Configuration:
    """Read and check all four files and the environment. Raises ConfigurationError; never returns half of it."""
    file = parse(File, read_yaml(path), path)
    folder = path.parent
    catalogue = parse(Catalogue, read_yaml(folder / file.services), folder / file.services)
    people = parse(People, read_yaml(folder / file.people), folder / file.people)
    return Configuration(
        path=path,
        file=file,
        catalogue=catalogue,
        people=people,
        policy=read_yaml(folder / file.policy),
        secrets={name: SecretStr(value) for name in SECRETS if (value := read_secret(environ, name))},
        addresses={name: environ[name] for name in ADDRESSES if environ.get(name)},
    )
