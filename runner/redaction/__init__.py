"""
Mask what is secret in everything that Runner writes: journal, log, errors, API, pages.

    secret values ──forms──► byte needles ──compile──► Needles ──use()──► Redactor ──text(), value()──► masked

`runner.secrets.masking` tells the one `Redactor` of the daemon what is secret, the recorder and the log ask it, each
run has a child that knows the run's own values besides. It knows nothing of vaults: it is given names and values.

A finite list of forms finds what libraries write in one step (as it is, JSON, URL, base64); text that was encoded more
than once is found by decoding it, a stage that fits in `Redactor` between search and masking.
"""

from runner.redaction.needles import Needles
from runner.redaction.redactor import FAILED, Redactor, RunRedactor

__all__ = ["FAILED", "Needles", "Redactor", "RunRedactor"]
