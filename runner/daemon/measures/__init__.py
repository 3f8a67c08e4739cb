"""
What the daemon measures of itself, and how Prometheus is told: counted all the time, written out when somebody asks.

    engine ──publish()──► run_tally       runs, actions, attempts and how long they took
    loop   ──────────────► loop_watch     how late the event loop comes, and which action held it
    trigger services ────► refusals       what triggers did not take, by reason
    store, vault, catalog ──asked at the scrape──► exposition ──► text of /metrics

No label holds a run's id or an address; names of workflows and actions are bounded in number.
"""
