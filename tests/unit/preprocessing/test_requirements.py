"""Requirements: bounds, actions, and what the decoder is told of them."""

import numpy as np
import pytest

from ktp_preprocessing.decode import DecodedImage, DecodeLimits, ImageFormat, decode_image
from ktp_preprocessing.requirements import (
    RequirementAction,
    RequirementRule,
    RequirementRules,
    check_card_size,
    check_requirements,
)
from tests.unit.preprocessing import image_files as files


def decoded(width_px: int, height_px: int, *, size_bytes: int = 500_000, quality: int | None = 90) -> DecodedImage:
    pixels = np.zeros((height_px, width_px, 3), dtype=np.uint8)
    return DecodedImage(pixels, ImageFormat.JPEG if quality else ImageFormat.PNG, size_bytes, quality)


def test_a_good_image_meets_everything() -> None:
    report = check_requirements(decoded(1600, 1300))
    assert all(item.passed for item in report.requirements)
    assert [item.name for item in report.requirements] == [
        "file_size_min",
        "file_size_max",
        "short_side_min",
        "long_side_min",
        "short_side_below",
        "long_side_below",
        "megapixels_min",
        "jpeg_quality_min",
    ]


@pytest.mark.parametrize(
    ("image", "failed"),
    [
        (decoded(1600, 1300, size_bytes=102_399), {"file_size_min"}),
        (decoded(1600, 1300, size_bytes=102_400), set()),
        (decoded(1600, 1300, size_bytes=2_097_152), set()),
        (decoded(1600, 1300, size_bytes=2_097_153), {"file_size_max"}),
        (decoded(400, 299), {"short_side_min", "megapixels_min"}),
        (decoded(300, 399), {"long_side_min", "megapixels_min"}),
        (decoded(4000, 800), {"long_side_below"}),
        (decoded(800, 3999), set()),
        (decoded(3000, 3000), {"short_side_below"}),
        (decoded(1600, 1249), {"megapixels_min"}),
        (decoded(1600, 1250), set()),
        (decoded(1600, 1300, quality=79), {"jpeg_quality_min"}),
        (decoded(1600, 1300, quality=80), set()),
        (decoded(1600, 1300, quality=None), set()),
    ],
)
def test_bounds(image: DecodedImage, failed: set[str]) -> None:
    report = check_requirements(image)
    assert {item.name for item in report.requirements if not item.passed} == failed
    assert {item.name for item in (*report.rejections, *report.warnings)} == failed
    assert {item.name for item in report.warnings} == failed & {"file_size_min", "megapixels_min", "jpeg_quality_min"}


def test_a_rule_that_does_not_apply_measures_nothing() -> None:
    quality = check_requirements(decoded(1600, 1300, quality=None)).requirements[-1]
    assert quality.measured is None
    assert quality.passed


def test_card_size_averages_opposite_sides() -> None:
    quad = np.array([[0.0, 0.0], [420.0, 0.0], [400.0, 310.0], [20.0, 310.0]])
    report = check_card_size(quad)
    short, long = report.requirements
    assert short.passed
    assert short.measured == pytest.approx(310.6, abs=0.1)
    assert long.measured == pytest.approx(400.0)
    assert long.passed
    turned = check_card_size(quad[[1, 2, 3, 0]])
    assert [item.measured for item in turned.requirements] == [short.measured, long.measured]


def test_small_card_is_rejected() -> None:
    quad = np.array([[0.0, 0.0], [399.0, 0.0], [399.0, 299.0], [0.0, 299.0]])
    assert [item.name for item in check_card_size(quad).rejections] == ["card_short_side_min", "card_long_side_min"]


def test_default_limits_are_the_decoders() -> None:
    assert RequirementRules().decode_limits() == DecodeLimits()


def test_rules_that_only_warn_let_the_image_through() -> None:
    small = files.jpeg(files.picture(200, 100))
    rules = RequirementRules(
        short_side_min=RequirementRule(300, RequirementAction.WARN),
        long_side_min=RequirementRule(400, RequirementAction.WARN),
    )
    report = check_requirements(decode_image(small, rules.decode_limits()), rules)
    assert {item.name for item in report.warnings} >= {"short_side_min", "long_side_min"}
    assert report.rejections == ()


def test_impossible_bounds_are_refused() -> None:
    rules = RequirementRules(long_side_below=RequirementRule(10_000_000, RequirementAction.REJECT))
    with pytest.raises(ValueError, match="below_long_px"):
        rules.decode_limits()
