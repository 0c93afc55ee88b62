"""What the rooms found, as the server hands it out: plain values, and quads in source-image pixels."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.reading import FieldReading, Finding
from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.pose import CardPose
from ktp_preprocessing.quality import QualityScore
from ktp_preprocessing.requirements import RequirementAction, RequirementReport
from ktp_server.results import (
    FieldResult,
    FindingResult,
    LineResult,
    PoseResult,
    Quad,
    QualityScoreResult,
    RequirementResult,
)

__all__ = [
    "field_results",
    "finding_result",
    "line_results",
    "pose_result",
    "quad_from",
    "quality_result",
    "requirement_results",
    "source_quad",
]


def requirement_results(report: RequirementReport) -> tuple[RequirementResult, ...]:
    """Hand requirements out."""
    return tuple(
        RequirementResult(
            item.name, item.threshold, item.measured, item.passed, item.action is RequirementAction.REJECT
        )
        for item in report.requirements
    )


def quality_result(score: QualityScore) -> QualityScoreResult:
    """Hand a quality score out."""
    return QualityScoreResult(score.score, score.threshold, score.passed, score.reason)


def pose_result(pose: CardPose) -> PoseResult:
    """Hand a pose out."""
    return PoseResult(pose.pitch_degrees, pose.yaw_degrees, pose.roll_degrees, pose.tilt_degrees)


def field_results(
    fields: Mapping[str, FieldReading], to_source: NDArray[np.float64] | None = None
) -> dict[str, FieldResult]:
    """Hand fields out.

    Args:
        fields: name -> as read.
        to_source: 3 x 3 homography from the lines' frame to source pixels; None if the two are the same.
    """
    placed = {name: field.quad for name, field in fields.items() if field.quad is not None}
    quads = np.array(list(placed.values())).reshape(-1, 4, 2)
    in_source = quads if to_source is None or not placed else map_points(to_source, quads)
    found = dict(zip(placed, map(quad_from, in_source), strict=True))
    return {
        name: FieldResult(field.value, field.raw_value, field.confidence, field.correction, found.get(name))
        for name, field in fields.items()
    }


def finding_result(finding: Finding) -> FindingResult:
    """Hand a finding out."""
    return FindingResult(finding.code, finding.severity, finding.message, finding.fields)


def source_quad(quad: NDArray[np.float64], to_source: NDArray[np.float64]) -> Quad:
    """Map a quad (4, 2) to source pixels and hand it out."""
    return quad_from(map_points(to_source, quad))


def quad_from(points: NDArray[np.float64]) -> Quad:
    """Turn (4, 2) points into plain floats."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points.tolist()
    return ((x0, y0), (x1, y1), (x2, y2), (x3, y3))


def line_results(lines: Sequence[TextLine], to_source: NDArray[np.float64]) -> tuple[LineResult, ...]:
    """Hand the lines out, from top to bottom."""
    quads = np.stack([line.quad for line in lines])
    in_source = map_points(to_source, quads)
    order = quads[:, :, 1].mean(axis=1).argsort(kind="stable")
    return tuple(LineResult(lines[i].text, lines[i].confidence, quad_from(in_source[i])) for i in order)
