"""
Mask what is secret in everything that Runner writes: journal, log, errors, API, pages.

    secret values ──parts, forms, cuts──► needles ──matcher──► Needles ──use()──► Redactor ──text(), value()──► masked
                                   text ──as it is, and decoded twice──► search ──spans──► masks ─────────────────┘

`runner.secrets.masking` tells the one `Redactor` of the daemon what is secret, the recorder and the log ask it, each
run has a child that knows the run's own values besides. It knows nothing of vaults: it is given names and values.

The forms are what libraries write in one step (as it is, JSON, URL, base64, …); what was encoded in another way or more
than once is found by undoing the escapes of the text.
"""

from runner.redaction.needles import Needles
from runner.redaction.redactor import FAILED, Redactor, RunRedactor

__all__ = ["FAILED", "Needles", "Redactor", "RunRedactor"]
