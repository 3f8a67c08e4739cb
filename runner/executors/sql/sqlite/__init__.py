"""
SQLite by aiosqlite, behind `runner.executors.sql.driver`.

    driver ──► session (a connection in a thread of its own, behind an authorizer) ──► values, failures
"""
