"""Model repositories for other Triton servers, made from the one in `triton_models/`.

`options` says for what, `platforms` what a target's configuration looks like, `building` writes a whole repository or
nothing, `checking` loads one and runs every model once. For TensorRT, `samples` records real inputs, `profiles` says
for which shapes plans are tuned and how exact they must be, `uint8_edges` makes the graphs fit, `plans` needs the GPU.
"""
