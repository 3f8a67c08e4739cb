"""
MySQL and MariaDB by `mysql.connector.aio`'s prepared statements, behind `runner.executors.sql.driver`.

    driver ──► session ──► values (bind, read), failures
       └──► connection (the connector's own, with what it gets wrong put right)

The connector is an extra (`pip install runnerd[mysql]`): `connection`, `session` and `failures` import it, and `driver`
imports them only once a workflow names such a database.
"""
