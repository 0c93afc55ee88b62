"""Accuracy and speed of the reader, measured on labelled cards.

truth.jsonl ─ truths ─┬─ observing ─ observations ─ measures ─ figures ─ report (table, JSON)
├─ speed_run ─ stage table, peers side by side      └ sheet (failures, HTML)
└─ calibration_fit ─ data/calibration.json
"""
