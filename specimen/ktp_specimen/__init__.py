"""Specimen KTPs: invented people, printed cards and photographed scenes, all from a seed.

Data flow: `people` (who, with words from `names`) → `card` (what is printed, by `typesetting`, on `ground`) → `scene`
(where it lies, on `backgrounds`) → `camera` (how it is photographed, as `strata` plans it) → `generate` (images and
their `truth` on disk).
"""
