"""Bytes to arrays: decoding, requirements, rectification, quality, line crops.

Nothing here knows of models or servers. The steps that move pixels hand on a 3 x 3 homography, source to result pixels,
and nothing else; pixel centres are at integers everywhere.
"""
