"""Validation figures, computed on held-out seeds and printed during training."""

import cv2
import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from numpy.typing import NDArray

from ktp_preprocessing.crops import LINE_GROWTH

LEAST_SCORE = 0.5
"""A detection counts from this score on; the server's default threshold."""


@METRICS.register_module()
class KtpCardMetric(BaseMetric):
    """Cards: mean mask IoU, share missed, quarter turns right, false cards per scene without a card."""

    default_prefix = "card"

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        """Compare the best-scored detections of each scene with its cards."""
        for sample in data_samples:
            found = sample["pred_instances"]
            sure = found["scores"] >= LEAST_SCORE
            masks = found["masks"][sure].cpu().numpy().astype(np.uint8)
            labels = found["labels"][sure].cpu().numpy()
            truth_turns = sample["gt_instances"]["labels"].cpu().numpy()
            ious, turns_right = [], []
            for quad, turns in zip(sample["quads"], truth_turns, strict=True):
                scores = [_mask_iou(mask, quad) for mask in masks]
                best = int(np.argmax(scores)) if scores else -1
                ious.append(scores[best] if scores else 0.0)
                turns_right.append(bool(scores) and int(labels[best]) == int(turns))
            self.results.append(
                {"ious": ious, "turns": turns_right, "extra": max(0, len(masks) - len(ious)), "cards": len(ious)}
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the validation set."""
        ious = np.array([iou for result in results for iou in result["ious"]] or [0.0])
        turns = np.array([right for result in results for right in result["turns"]] or [False])
        found = ious >= 0.5
        empty = [result for result in results if result["cards"] == 0]
        return {
            "iou": float(ious[found].mean()) if found.any() else 0.0,
            "iou_p5": float(np.percentile(ious, 5)),
            "missed": float(1 - found.mean()),
            "quarter_turns": float(turns[found].mean()) if found.any() else 0.0,
            "false_in_empty": float(np.mean([result["extra"] > 0 for result in empty])) if empty else 0.0,
            "extra": float(np.mean([result["extra"] for result in results])),
        }


def _mask_iou(mask: NDArray[np.uint8], quad: NDArray[np.float64]) -> float:
    """A pixel is the card's when its centre is: filling a polygon would grow the truth by half a pixel all round."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    along = np.roll(quad, -1, axis=0) - quad
    sides = [dx * (y - corner[1]) - dy * (x - corner[0]) >= 0 for corner, (dx, dy) in zip(quad, along, strict=True)]
    truth = np.logical_and.reduce(sides).astype(np.uint8)
    shared = int((mask & truth).sum())
    return shared / max(1, int((mask | truth).sum()))


@METRICS.register_module()
class KtpTextBoxMetric(BaseMetric):
    """Text boxes as the server finds them: recall, precision and hmean at IoU 0.5, and glyphs cut off."""

    default_prefix = "text"

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        """Match found boxes with true lines, one to one."""
        for sample in data_samples:
            polygons = sample["pred_instances"]["polygons"]
            found = [np.asarray(polygon, dtype=np.float32).reshape(-1, 2) for polygon in polygons]
            truth = [quad.astype(np.float32) for quad in sample["quads"]]
            ignored = [quad.astype(np.float32) for quad in sample["ignored_quads"]]
            found = [quad for quad in found if not any(quad_iou(quad, other) > 0.3 for other in ignored)]
            pairs = sorted(
                ((quad_iou(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(truth)), reverse=True
            )
            used_found: set[int] = set()
            used_truth: set[int] = set()
            ious, overhangs = [], []
            for iou, i, j in pairs:
                if iou < 0.5:
                    break
                if i not in used_found and j not in used_truth:
                    used_found.add(i)
                    used_truth.add(j)
                    ious.append(iou)
                    overhangs.append(overhang(found[i], truth[j]))
            counts = {"found": len(found), "truth": len(truth)}
            self.results.append({**counts, "ious": ious, "overhangs": overhangs})

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over all lines of the validation set."""
        matched = sum(len(result["ious"]) for result in results)
        recall = matched / max(1, sum(result["truth"] for result in results))
        precision = matched / max(1, sum(result["found"] for result in results))
        ious = [iou for result in results for iou in result["ious"]]
        overhangs = np.array([share for result in results for share in result["overhangs"]] or [0.0])
        return {
            "recall": recall,
            "precision": precision,
            "hmean": 2 * recall * precision / max(1e-9, recall + precision),
            "iou": float(np.mean(ious)) if ious else 0.0,
            "cut": float((overhangs > LINE_GROWTH).mean()),
        }


def overhang(found: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """How far the true line sticks out of the found box, in line heights; (4, 2) each, clockwise.

    The crop for the recogniser is the box grown by LINE_GROWTH: a line that sticks out further is cut.
    """
    along = np.roll(found, -1, axis=0) - found
    lengths = np.linalg.norm(along, axis=1)
    x, y = (truth[None, :, axis] - found[:, None, axis] for axis in (0, 1))
    beyond = (along[:, 1, None] * x - along[:, 0, None] * y) / np.maximum(lengths, 1e-6)[:, None]
    return float(beyond.max() / max(lengths.min(), 1e-6))


def quad_iou(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Intersection over union of two convex polygons, (N, 2) each."""
    if (first.min(0) > second.max(0)).any() or (second.min(0) > first.max(0)).any():
        return 0.0
    shared, _ = cv2.intersectConvexConvex(cv2.convexHull(first), cv2.convexHull(second))
    union = cv2.contourArea(cv2.convexHull(first)) + cv2.contourArea(cv2.convexHull(second)) - shared
    return float(shared / max(union, 1e-6))


@METRICS.register_module()
class KtpLineMetric(BaseMetric):
    """Lines read: exact share in all and by stratum and kind, 1 - NED, and whole NIKs."""

    default_prefix = "line"

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        """Compare read and true texts, letter case included."""
        for sample in data_samples:
            truth, read = sample["gt_text"]["item"], sample["pred_text"]["item"]
            self.results.append(
                {
                    "exact": read == truth,
                    "similarity": 1 - edit_distance(read, truth) / max(1, len(truth), len(read)),
                    "kind": "nik" if sample["field"] == "nik" and sample["kind"] == "value" else sample["kind"],
                    "stratum": sample["stratum"],
                    "truth": truth,
                    "read": read,
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the validation lines, in all and by group."""
        figures = {
            "exact": float(np.mean([result["exact"] for result in results])),
            "similarity": float(np.mean([result["similarity"] for result in results])),
        }
        for key in ("stratum", "kind"):
            for group in sorted({result[key] for result in results}):
                figures[f"exact_{group}"] = float(np.mean([r["exact"] for r in results if r[key] == group]))
        return figures


def edit_distance(first: str, second: str) -> int:
    """Levenshtein distance."""
    previous = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        current = [i]
        for j, right in enumerate(second, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (left != right)))
        previous = current
    return previous[-1]
