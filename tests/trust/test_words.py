from __future__ import annotations

from trust import words


def test_the_words_are_those_of_the_page() -> None:
    assert words.WORDS == ("auto", "confirm", "approve", "forbid")
    assert words.RISKS == ("read", "safe", "caution", "forbidden")
    assert words.AUTONOMY == ("shadow", "suggest", "approve", "auto")


def test_no_hostile_name_is_a_good_one() -> None:
    assert not set(words.HOSTILE) & {*words.ENVIRONMENTS, *words.SERVICES, *words.ACTIONS}
    assert "" in words.HOSTILE
    assert "*" in words.HOSTILE
