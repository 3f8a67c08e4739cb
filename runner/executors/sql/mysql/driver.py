"""
Where MySQL and MariaDB begin: is the connector installed?

It is an extra (its licence is GPL-2.0 with the Universal FOSS Exception), so everything that imports it is imported
when a workflow first names such a database; without it the error says what to install. The executor makes one
`MysqlDriver`.
"""

from importlib import import_module
from importlib.util import find_spec

from runner.errors import PermanentError
from runner.executors.sql.connection_string import Target
from runner.executors.sql.driver import Connector
from runner.ports import ExecutorLimits


class MysqlDriver:
    """`runner.executors.sql.driver.Driver`."""

    def connector(self, target: Target, limits: ExecutorLimits) -> Connector:
        """For one connection string. Raises PermanentError (`config`) where the connector is not installed."""
        if find_spec("mysql") is None or find_spec("mysql.connector") is None:
            raise PermanentError("MySQL: its driver is not installed: pip install 'runnerd[mysql]'", kind="config")
        made: Connector = import_module("runner.executors.sql.mysql.connector").MysqlConnector(target, limits)
        return made
