"""checkout's cache in staging holds stale prices. Ana asks for clear-cache by name, confirms it, and Ben approves it.

Worked example X3 and the short form of a runbook (R2): one question for the one who asked, one for somebody else; then
FLUSHDB of database 2 and of nothing else. The same in prod is refused before anybody is asked.
"""

from __future__ import annotations

from bot.sandbox import judge
from bot.sandbox.configuration import CACHES, CHANNEL
from bot.sandbox.people import ANA, BEN
from bot.sandbox.redis_server import PROGRAM, RedisServer
from bot.sandbox.stories.scene import APPROVED, CONFIRMED, EXECUTED, REQUESTED, WORKED, Scene
from bot.sandbox.story import Narrator, Story, StoryFailed
from bot.sandbox.workspace import Workspace

STALE = CACHES["checkout"]
NEIGHBOUR = STALE + 1
IN_PROD = CACHES["payments"]
STALE_KEYS, NEIGHBOUR_KEYS, PROD_KEYS = 40, 7, 11
TITLE = "StalePrices: checkout shows the prices of yesterday"
CARD = {
    "the question": r"Clear cache\?",
    "only the one who asked": r"Ana Marin, who asked",
    "what follows": r"approval",
    "the exact act": rf"redis-cli -u redis://127\.0\.0\.1:\d+ -n {STALE} FLUSHDB",
    "the target": r"checkout-cache",
    "the environment": r"staging",
}
WRONG_PLACE = r"(wrong_environment|out_of_scope)"


async def play(workspace: Workspace, say: Narrator) -> None:
    """See the module's text. Raises StoryFailed when the sandbox has no Redis."""
    redis = workspace.redis
    if redis is None:
        raise StoryFailed(f"a {PROGRAM} on this machine", "none")
    scene = Scene(workspace, say)
    await redis.fill(STALE, STALE_KEYS)
    await redis.fill(NEIGHBOUR, NEIGHBOUR_KEYS)
    await redis.fill(IN_PROD, PROD_KEYS)
    say(f"Redis database {STALE} holds {STALE_KEYS} stale prices, database {NEIGHBOUR} somebody else's keys")
    await scene.alert("checkout", title=TITLE, alert_name="StalePrices", result="prices older than 24 h")
    await say.expect(
        lambda: not judge.missing({"no offer": r"no safe step"}, scene.summary()),
        within=30,
        what="the summary offers no step: clear-cache says of no alert that it is for it",
        last=scene.picture,
    )
    await ask(scene, "/runbook run clear-cache checkout staging", r"confirm", "Ana is told that she must confirm first")
    confirm = await scene.button("plan_approve")
    card = scene.cards()[-1]
    say.check([] if confirm.label == "Confirm" else [confirm.label], "the first question is the confirmation")
    say.check(judge.missing(CARD, card), "the card asks “Clear cache?” and shows exactly what would be done", card)
    await scene.refused(BEN, confirm, r"not_requester|person who asked", "Ben cannot confirm what Ana asked for")
    await counted(scene, redis, STALE_KEYS, "nothing was done meanwhile")
    await scene.press(ANA, confirm)
    approve = await scene.button("plan_approve", other_than=confirm.value)
    say.check([] if approve.label == "Approve" else [approve.label], "the second question is the approval")
    await scene.refused(ANA, approve, r"your own|who asked|self", "Ana cannot approve what she asked for")
    await counted(scene, redis, STALE_KEYS, "nothing was done meanwhile")
    await scene.press(BEN, approve)
    await scene.everywhere((REQUESTED, CONFIRMED, APPROVED, EXECUTED, WORKED))
    await counted(scene, redis, 0, f"exactly database {STALE} was cleared")
    say.check(
        judge.missing({"how many": rf"{STALE_KEYS} keys removed from database {STALE}"}, "\n".join(scene.thread())),
        "the thread says how many keys went",
        scene.picture(),
    )
    scene.one_summary()
    await refused_in_prod(scene, redis)
    await scene.audit()


async def refused_in_prod(scene: Scene, redis: RedisServer) -> None:
    """Nobody is asked anything, and the cache of payments keeps its keys."""
    cards = len(all_cards(scene))
    await ask(scene, "/runbook run clear-cache payments prod", WRONG_PLACE, "in prod Ana is refused, with the reason")
    await counted(scene, redis, 0, "nothing was cleared in prod")
    scene.say.check([] if len(all_cards(scene)) == cards else ["a card"], "nobody is asked to approve it")


async def ask(scene: Scene, command: str, pattern: str, what: str) -> None:
    """Ana types a command and is told, she alone, something that matches."""
    before = len(scene.whispers(ANA))
    await scene.type(ANA, command)
    await scene.told(ANA, pattern, before, what)


async def counted(scene: Scene, redis: RedisServer, stale: int, what: str) -> None:
    """The server itself says how many keys are where."""
    wanted = {STALE: stale, NEIGHBOUR: NEIGHBOUR_KEYS, IN_PROD: PROD_KEYS}
    found = {database: await redis.count(database) for database in wanted}
    wrong = [
        f"database {database}: {found[database]} keys" for database in wanted if found[database] != wanted[database]
    ]
    scene.say.check(wrong, f"{what}: keys by database {found}")


def all_cards(scene: Scene) -> list[str]:
    """Every message in #incidents that asks for an answer."""
    slack = scene.workspace.slack
    return [message.ts for message in slack.history(CHANNEL) if "plan_approve" in str(message.blocks)]


STORY = Story(
    "clear-cache",
    "a cache in staging is cleared after “Clear cache?” and an approval; in prod it is refused",
    play,
    needs=(PROGRAM,),
)
