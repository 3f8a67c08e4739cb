"""
Say in the log which secrets want a new value, and take the last bytes of old ones out of the vault's file.

    at the start, then each minute: vault ──reminders──► a line for each, once a day
                                          ──erase──────► what a change could not erase while somebody read the file

`runner.daemon.service` runs it in the background as long as the daemon lives; a vault that cannot be read is said once
and tried again.
"""

from collections.abc import Mapping
from typing import Final

from runner import log
from runner.clock import Clock, iso
from runner.errors import SecretError
from runner.secrets.reminders import Reminder, reminders
from runner.secrets.vault import Vault

_EVERY: Final = 60.0
"""Seconds between two looks at what is due."""

_AGAIN: Final = 86_400.0
"""Seconds until the same thing is said again."""

_WORDS: Final[Mapping[str, str]] = {
    "expired": "a secret has expired",
    "expires": "a secret will expire",
    "rotate": "a secret is due for a new value",
}

_log = log.get("runner.secrets")


async def remind(vault: Vault, clock: Clock) -> None:
    """Never returns; to be cancelled."""
    said: dict[tuple[str, str], float] = {}
    trouble = ""
    while True:
        try:
            for each in reminders(await vault.list(), clock.wall()):
                if clock.wall() >= said.get((each.name, each.what), 0.0) + _AGAIN:
                    said[each.name, each.what] = clock.wall()
                    _say(each)
            if not vault.is_erased:
                await vault.erase()
            trouble = ""
        except SecretError as error:
            if str(error) != trouble:
                trouble = str(error)
                _log.error("the vault cannot be looked at", error=trouble)
        await clock.sleep(_EVERY)


def _say(each: Reminder) -> None:
    then = "it is refused" if each.is_refused else "it is used all the same"
    more = {} if each.what == "rotate" else {"then": then}
    _log.warning(_WORDS[each.what], secret=each.name, day=iso(each.at), **more)
