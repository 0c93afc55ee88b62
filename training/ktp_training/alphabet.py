"""What the recogniser can say and the widths it takes; the exported model's config.pbtxt repeats both."""

ALPHABET = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.,:;'\"-/()+&*"
"""Characters in class order; the CTC blank is the class after the last. Source: what KTP cards print, and labels."""

WIDTHS_PX = (96, 160, 224, 288, 384, 512, 768, 1024)
"""Input widths: each keeps a line's own aspect up to 60 characters, and requests of equal width share a batch.

On a card lines are 169 px wide in the median; these eight cost a fifth more columns than the lines themselves have.
"""
