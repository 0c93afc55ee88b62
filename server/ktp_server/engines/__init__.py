"""Inference engines: the port (port.py), what a model looks like (spec.py), and what stands behind the port.

ONNX Runtime's official builds since 1.29 send events to their maker, with an id of the device that they keep in the
user's home, unless this variable is set before they are loaded. A server that reads identity cards tells nobody.
Source: ONNX Runtime, docs/Privacy.md.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
