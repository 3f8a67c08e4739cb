"""
Who may use the pages and the API: one administrator's password, sessions of browsers, tokens of programs.

    passwords, credentials   how they are made and compared; nothing that opens anything is kept as it is
    delays                   who was wrong too often waits
    rows                     the file that holds them, beside the vault, needed with a master key and without
    accounts                 all of it put together: `open_accounts`

`runner.web` asks it, `runner tokens` changes it, whether a daemon runs or not.
"""
