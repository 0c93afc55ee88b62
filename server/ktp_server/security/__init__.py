"""Who may call: TLS, API keys and their rates, and what may be reached from outside.

    connection ─▶ tls ─▶ call ─▶ authentication ─▶ api_keys ─▶ rate_limits ─▶ servicer
                  handshake       metadata           who        how often

`guard` opens all of it from the settings; `exposure` refuses to serve strangers by accident. Keys and certificates are
read again when their files change (`watched_files`), or on SIGHUP; a faulty file leaves what was there in use.
"""
