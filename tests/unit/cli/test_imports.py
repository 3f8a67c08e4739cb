"""What a command loads: nothing that it has no use for."""

import subprocess
import sys


def test_a_client_brings_no_terminal_along() -> None:
    """httpx would load its own command, and rich and pygments with it."""
    code = "import runner, httpx, sys; sys.exit(' '.join({'rich', 'pygments', 'httpx._main'} & {*filter(sys.modules.get, sys.modules)}))"

    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).stderr.strip() == b""
