"""The people of the sandbox: who they are in the bot's directory, in its Slack and in its PagerDuty.

Used by configuration.py (people.yaml), workspace.py (members of both stand-ins) and the stories (who clicks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.sandbox.outage import Outage
from bot.sandbox.pagerduty import PagerDutyStandIn
from bot.sandbox.pagerduty_records import OnCall, PagerDutyService, PagerDutyUser
from bot.sandbox.slack_records import SlackUser

TEAM = "T0SANDBOX"
BOT_EMAIL = "countersign@example.com"
PAYMENTS_ID = "PPAYMENTS1"
CHECKOUT_ID = "PCHECKOUT1"
ESCALATION_POLICY = "PESCALATE1"
POLICY_NAME = "Payments on call"


@dataclass(frozen=True, slots=True)
class Human:
    """One person. id: directory id; slack, pagerduty: account ids; roles, groups: as people.yaml has them."""

    id: str
    name: str
    slack: str
    pagerduty: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    title: str
    colour: str

    @property
    def email(self) -> str:
        """An address of the documentation domain (RFC 2606)."""
        return f"{self.id}@example.com"

    def as_slack(self) -> SlackUser:
        """The member of the Slack stand-in."""
        first = self.name.split()[0].lower()
        return SlackUser(
            id=self.slack, name=first, real_name=self.name, email=self.email, colour=self.colour, title=self.title
        )

    def as_pagerduty(self) -> PagerDutyUser:
        """The member of the PagerDuty stand-in."""
        return PagerDutyUser(self.pagerduty, self.name, self.email)


ANA = Human(
    id="ana",
    name="Ana Marin",
    slack="U0ANA",
    pagerduty="PANA001",
    roles=("responder",),
    groups=("payments-oncall",),
    title="on call, asks for the step",
    colour="#2b6cb0",
)
BEN = Human(
    id="ben",
    name="Ben Osei",
    slack="U0BEN",
    pagerduty="PBEN001",
    roles=("responder", "approver"),
    groups=("payments-oncall",),
    title="on call, approves",
    colour="#2f855a",
)
CORA = Human(
    id="cora",
    name="Cora Lind",
    slack="U0CORA",
    pagerduty="PCORA01",
    roles=("responder", "operator"),
    groups=("sre",),
    title="operator, may stop everything",
    colour="#b7791f",
)
DEV = Human(
    id="dev",
    name="Dev Rao",
    slack="U0DEV",
    pagerduty="PDEV001",
    roles=("viewer",),
    groups=(),
    title="from another team, may look",
    colour="#718096",
)
EVERYBODY = (ANA, BEN, CORA, DEV)


def account(clock: Callable[[], datetime], new_id: Callable[[str], str], outage: Outage) -> PagerDutyStandIn:
    """The PagerDuty account: everybody, the bot's user, two services and who is on call."""
    bot = PagerDutyUser("PBOT0001", "Countersign", BOT_EMAIL)
    services = [
        PagerDutyService(identifier, name, policy=ESCALATION_POLICY, policy_name=POLICY_NAME)
        for identifier, name in ((PAYMENTS_ID, "payments"), (CHECKOUT_ID, "checkout"))
    ]
    oncall = [
        OnCall(human.as_pagerduty(), level, ESCALATION_POLICY, POLICY_NAME) for level, human in ((1, BEN), (2, CORA))
    ]
    return PagerDutyStandIn(
        clock=clock,
        new_id=new_id,
        outage=outage,
        users=[bot, *(human.as_pagerduty() for human in EVERYBODY)],
        services=services,
        oncall=oncall,
    )


def directory() -> dict[str, object]:
    """people.yaml as a mapping (bot/services.py: People)."""
    groups = sorted({group for human in EVERYBODY for group in human.groups})
    return {
        "people": [
            {
                "id": human.id,
                "name": human.name,
                "roles": list(human.roles),
                "slack": [{"team": TEAM, "user": human.slack}],
                "pagerduty": human.pagerduty,
                "email": human.email,
            }
            for human in EVERYBODY
        ],
        "groups": {group: [human.id for human in EVERYBODY if group in human.groups] for group in groups},
    }
