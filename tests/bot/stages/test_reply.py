"""Replies: name, outcome and data, nothing else."""

from __future__ import annotations

import pytest

from bot.stages.reply import Reply, already, done, refused


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (done("It happened."), Reply(True, "done", {"text": "It happened."})),
        (already("Too late."), Reply(False, "already", {"text": "Too late."})),
        (refused("c", "r", "m"), Reply(False, "refused", {"code": "c", "reason": "r", "remedy": "m"})),
    ],
)
def test_each_reply_has_its_template_and_data(reply: Reply, wanted: Reply) -> None:
    assert reply == wanted


def test_no_two_replies_share_their_data() -> None:
    first = Reply(True, "help")
    first.data["x"] = 1
    assert Reply(True, "help").data == {}
