"""The HTTP gateway: a gRPC client of the service that speaks HTTP to its own callers.

    HTTP ─ connections ─ envelope ─ bodies ─ uploads ─ job_api, form_api, card_api ─ upstream ─ gRPC
           bounds        headers    bounds   image     the APIs' shapes              calls

`life` starts and drains it; `app` puts the routes together.
"""
