"""
The `sql` action type: statements on PostgreSQL, SQLite, MySQL and MariaDB (`language`, The `sql` executor).

    config ──► load      what is wrong in a file, before anything runs
           ──► executor ──► shape     a statement checked for its dialect: text and slots
                        ──► pools     connections kept by connection string
                        ──► driver    the seam: postgres, sqlite, mysql

`runner.executors` lists `ACTION_TYPE`; nothing else reaches in here.
"""

from typing import Final

from runner.executors.sql.config import SqlConfig
from runner.executors.sql.executor import open_sql
from runner.executors.sql.load import check_config
from runner.ports import ActionType

ACTION_TYPE: Final = ActionType(name="sql", config=SqlConfig, check=check_config, open=open_sql)
