"""Who may call: TLS, API keys and their rates, and what may be reached from outside.

`tls` gives a port its credentials, `api_keys` says what a key is and `key_file` which ones hold, `rate_limits` how
often each may be used, `exposure` refuses to serve strangers by accident; `guard` opens all of it from the settings.
Keys and certificates are read again when their files change (`watched_files`), or on SIGHUP; a faulty file leaves what
was there in use. `ktp_server.front.authentication` asks the calls for their keys.
"""
