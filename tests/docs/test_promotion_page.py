"""docs/promotion.md: its settings load, its record reads, its commands exist, and what it promises is what is asked."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from typer.testing import CliRunner

from bot.cli.commands import app
from bot.config import PromotionSettings
from runbooks.promotion import Promotion, parse_promotion
from tests.bot.test_promotion import pieces

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "promotion.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_are_the_defaults_but_for_the_ladder() -> None:
    written = PromotionSettings.model_validate(yaml.safe_load(BLOCKS[0])["promotion"])
    assert written.model_copy(update={"ladder": ()}) == PromotionSettings()
    assert set(yaml.safe_load(BLOCKS[0])["promotion"]) == set(PromotionSettings.model_fields)


def test_the_record_is_one() -> None:
    assert isinstance(parse_promotion(BLOCKS[1], "page"), Promotion)


def test_every_piece_of_evidence_is_in_the_table() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| ", PAGE, re.MULTILINE)
    named = {name for row in rows for name in row.split(", ")}
    assert set(pieces()) <= named


def test_the_commands_have_the_options_that_are_printed() -> None:
    for line in re.findall(r"runbookctl ((?:promote|demote|coverage) [^`\n]*)", PAGE):
        command, *words = line.split()
        options = [word for word in words if word.startswith("--")]
        told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
        assert told.exit_code == 0
        assert [option for option in options if option not in told.output] == []
