"""
Where `runner.executors.addresses` once lay: `runner.executors.sql.network` still asks for it here.

Nothing else may; this goes when that import is moved.
"""

from runner.executors.addresses import refused_address, refused_host, refused_port

__all__ = ["refused_address", "refused_host", "refused_port"]
