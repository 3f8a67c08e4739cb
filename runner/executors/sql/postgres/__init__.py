"""
PostgreSQL by asyncpg, behind `runner.executors.sql.driver`.

    driver ──► session ──► ladder (finds types) ──► encode ──► asyncpg ──► decode
                  └──► failures (errors from attributes alone)
"""
