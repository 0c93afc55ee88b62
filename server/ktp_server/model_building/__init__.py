"""Model repositories for other Triton servers, made from the one in `triton_models/`.

`platforms` says what the configuration of a target looks like, `building` writes a whole repository or nothing,
`checking` loads one and runs every model once.
"""
