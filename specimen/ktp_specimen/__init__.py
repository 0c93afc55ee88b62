"""Specimen KTPs: invented people, printed cards and photographed scenes, all from a seed.

Data flow: `people` (who, with words from `names`) → `card` (what is printed, on `ground`) → `scene` (where it lies) → `camera` (how it is
photographed) → `generate` (images and `truth.jsonl` on disk).
"""
