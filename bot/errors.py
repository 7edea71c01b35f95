"""The failures of this program, as one small tree.

    CountersignError
      Transient        try again later, nothing was changed by the failed try
      Permanent        trying again will not help; a person or a change of configuration is needed
        ConfigurationError   a key, a file and a fix
      Ambiguous        the act may or may not have happened; never retried by itself, asked of a person

Raised everywhere; foreign errors are translated into these once, in `bot/clients`.
A refusal is not a failure: it is a `guards.Deny` value and never raised as one of these.
"""

from __future__ import annotations


class CountersignError(Exception):
    """Base of every failure this program raises on purpose."""


class Transient(CountersignError):
    """A failure that may pass by itself.

    retry_after: seconds the other side asked us to wait, or None when it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(CountersignError):
    """A failure that trying again will not mend."""


class ConfigurationError(Permanent):
    """Configuration that is missing or wrong.

    place: file and key, for example `countersign.yaml: slack.channel`; fix: one sentence, what to write.
    """

    def __init__(self, message: str, *, place: str, fix: str) -> None:
        super().__init__(f"{place}: {message} Fix: {fix}")
        self.message = message
        self.place = place
        self.fix = fix


class Ambiguous(CountersignError):
    """The request left us and no answer came back: it may have been carried out.

    Trust rule 8 (reference/trust.md section 4): named `unknown`, put to a person, never retried by itself.
    """
