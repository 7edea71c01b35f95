"""The runbooks in force: a mistake refuses the start, and so does a claim beyond policy, at every reload too."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import make_policy
from bot.errors import ConfigurationError
from bot.library import loosened, make_library
from runbooks.load import BUILTIN, Library, load_catalog
from tests.bot.test_app import found

OWN = """\
id: restart-mine
title: Restart mine
owner: sre
match: {{alerts: [MineDown]}}
params:
  target: {{type: target, kind: supervisor_program}}
steps:
  - id: restart
    action: supervisor.restart
    with: {{target: "${{target}}"}}
    verify: {{fact: health, expect: "status == 200", within: 30s, samples: 3 of 4, every: 1s}}
    rollback: none
    safety:
      risk: safe
      scopes: [prod]
      {claim}
"""
MODEST = "limits: [{max: 1, per: target, window: 1h}]"


def write(folder: Path, text: str) -> Path:
    path = folder / "runbooks" / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_T43_a_runbook_with_a_mistake_refuses_to_start(tmp_path: Path) -> None:
    configuration = found(tmp_path)
    write(tmp_path, "id: bad\nsurprise: 1\n")
    with pytest.raises(ConfigurationError) as caught:
        make_library(configuration, make_policy(configuration))
    assert "mine.yaml:" in caught.value.place


def test_G2_a_claim_beyond_policy_refuses_to_start_with_its_line(tmp_path: Path) -> None:
    configuration = found(tmp_path)
    write(tmp_path, OWN.format(claim="blast_radius: {max_targets: 9}"))
    with pytest.raises(ConfigurationError) as caught:
        make_library(configuration, make_policy(configuration))
    assert "touch 9 targets" in str(caught.value)
    assert "mine.yaml:16" in caught.value.place


def test_a_modest_runbook_is_in_force_and_a_loosened_one_keeps_the_last_good_catalogue(tmp_path: Path) -> None:
    configuration = found(tmp_path)
    path = write(tmp_path, OWN.format(claim=MODEST))
    library = make_library(configuration, make_policy(configuration))
    assert library.get("restart-mine") is not None
    path.write_text(
        OWN.format(claim="blast_radius: {max_targets: 9}").replace("Restart mine", "Changed"), encoding="utf-8"
    )
    assert not library.reload()
    kept = library.get("restart-mine")
    assert kept is not None
    assert kept.title == "Restart mine"
    assert "touch 9 targets" in str(library.problems[0])


def test_the_shipped_catalogue_is_not_refused_for_what_one_policy_does_not_give(tmp_path: Path) -> None:
    judge = loosened(make_policy(found(tmp_path)))
    assert judge(load_catalog([BUILTIN])) == ()


def test_policy_takes_autonomy_back_with_one_word_and_the_runbook_stays(tmp_path: Path) -> None:
    configuration = found(tmp_path)
    write(tmp_path, OWN.format(claim="autonomy: auto"))
    assert make_library(configuration, make_policy(configuration)).get("restart-mine") is not None


def test_a_library_without_a_judge_takes_every_well_formed_runbook(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(OWN.format(claim="autonomy: auto"), encoding="utf-8")
    assert Library([tmp_path]).get("restart-mine") is not None
