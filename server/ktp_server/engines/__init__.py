"""Inference engines: the port (port.py), what a model looks like (spec.py), and what stands behind the port."""
