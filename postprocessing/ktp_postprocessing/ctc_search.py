"""The most likely text of a few CTC columns: likelihoods are summed over all alignments, not taken of the best one.

Where a recogniser hesitates between a character's end and its repetition, the best path may name it twice although the
text that has it once is likelier. Classes are those of the recogniser, the blank is the last.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_BEAM_WIDTH = 8
_BEAM_SHARE = 1e-3  # of the likeliest prefix's likelihood; a prefix below it is given up
_MIN_PROBABILITY = 1e-3  # of a class in a column; below it the search leaves it out

Classes = tuple[int, ...]
Prefix = TypeVar("Prefix")
Beam = dict[Prefix, tuple[float, float]]


def search_text(probability: NDArray[np.float64], width: int = _BEAM_WIDTH) -> Classes:
    """The likeliest text that a prefix beam search finds.

    Args:
        probability: (T, C) float64, each row sums to 1.
        width: prefixes kept after a column.

    Source: Graves 2012, Supervised Sequence Labelling with Recurrent Neural Networks, section 7.5.
    """
    blank = probability.shape[1] - 1
    likely: list[dict[int, float]] = [{} for _ in probability]
    rows, characters = np.nonzero(probability[:, :blank] >= _MIN_PROBABILITY)
    for row, character in zip(rows.tolist(), characters.tolist(), strict=True):
        likely[row][character] = float(probability[row, character])
    beam: Beam[Classes] = {(): (1.0, 0.0)}
    for shares, nothing in zip(likely, probability[:, blank].tolist(), strict=True):
        extended: Beam[Classes] = {}
        for prefix, (in_blank, in_last) in beam.items():
            last = prefix[-1] if prefix else blank
            whole = in_blank + in_last
            stay_blank, stay_last = extended.get(prefix, (0.0, 0.0))
            extended[prefix] = (stay_blank + whole * nothing, stay_last + in_last * shares.get(last, 0.0))
            for character, share in shares.items():
                reached = in_blank if character == last else whole
                longer = (*prefix, character)
                longer_blank, longer_last = extended.get(longer, (0.0, 0.0))
                extended[longer] = (longer_blank, longer_last + reached * share)
        beam = keep_likeliest(extended, width, _BEAM_SHARE)
    return max(beam, key=lambda prefix: sum(beam[prefix]))


def keep_likeliest(beam: Mapping[Prefix, tuple[float, float]], width: int, share: float) -> Beam[Prefix]:
    """A beam's likeliest prefixes.

    Args:
        beam: prefix -> its likelihood ending in a blank, and in its last character.
        width: how many are kept at most.
        share: of the likeliest one's likelihood, that each of them has at least.
    """
    ranked = [(in_blank + in_last, prefix) for prefix, (in_blank, in_last) in beam.items()]
    least = max(likelihood for likelihood, _ in ranked) * share
    kept = [item for item in ranked if item[0] >= least]
    if len(kept) > width:
        kept = sorted(kept, key=lambda item: -item[0])[:width]
    return {prefix: beam[prefix] for _, prefix in kept}


def sum_alignments(probability: NDArray[np.float64], text: Classes) -> float:
    """Likelihood of a text: the sum over all its alignments; over all texts they sum to 1.

    Args:
        probability: (T, C) float64, each row sums to 1.
        text: its classes.
    """
    states, skips = _make_states(text, probability.shape[1] - 1)
    forward = np.zeros(len(states))
    for place, emitted in enumerate(probability[:, states]):
        if place == 0:
            forward[:2] = emitted[:2]
            continue
        arriving = forward.copy()
        arriving[1:] += forward[:-1]
        arriving[2:] += np.where(skips, forward[:-2], 0.0)
        forward = arriving * emitted
    return float(forward[-2:].sum())


def align_text(probability: NDArray[np.float64], text: Classes) -> NDArray[np.intp]:
    """The class of each column on the text's best alignment, (T,).

    Args:
        probability: (T, C) float64, T enough for the text and a blank between each two equal neighbours.
        text: its classes.

    Source: the Viterbi algorithm over the states of connectionist temporal classification.
    """
    states, skips = _make_states(text, probability.shape[1] - 1)
    steps = np.zeros((len(probability), len(states)), np.intp)
    with np.errstate(divide="ignore"):
        logs = np.log(probability[:, states])
    best = np.full(len(states), -np.inf)
    best[:2] = logs[0, :2]
    for place in range(1, len(probability)):
        arriving = np.full((3, len(states)), -np.inf)
        arriving[0] = best
        arriving[1, 1:] = best[:-1]
        arriving[2, 2:] = np.where(skips, best[:-2], -np.inf)
        steps[place] = arriving.argmax(axis=0)
        best = arriving.max(axis=0) + logs[place]
    state = len(states) - 1
    if len(states) > 1 and best[-2] > best[-1]:
        state -= 1
    path = [state]
    for step in steps[:0:-1]:
        state -= int(step[state])
        path.append(state)
    return states[path[::-1]]


def _make_states(text: Classes, blank: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Classes with blanks around each, (2 L + 1,); and from the third on whether each may follow its last but one."""
    states = np.full(2 * len(text) + 1, blank)
    states[1::2] = text
    return states, (states[2:] != blank) & (states[2:] != states[:-2])
