"""Lays cards into a scene: pose, perspective, rounded corners, shadow, objects beside and over them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.backgrounds import draw_paragraph
from ktp_specimen.ground import CARD_ASPECT, value_noise

Image = NDArray[np.float32]
CORNER_RADIUS = 3.18 / 85.60  # ISO/IEC 7810: 3.18 mm, of the width


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a flat rectangle lies before the camera.

    Attributes:
        centre: (x, y) of its centre, image pixels.
        width_px: length of its long side, were it seen frontally.
        rotation_degrees: clockwise turn in the image plane.
        pitch_degrees: tilt about the horizontal axis.
        yaw_degrees: tilt about the vertical axis.
        focal: focal length, of the image's longer side.
    """

    centre: tuple[float, float]
    width_px: float
    rotation_degrees: float
    pitch_degrees: float
    yaw_degrees: float
    focal: float = 1.2


def project(pose: Pose, shape: tuple[int, int], aspect: float = CARD_ASPECT) -> NDArray[np.float64]:
    """Corners of a rectangle in the image of (height, width): (4, 2), clockwise from its own top left."""
    half = np.array([0.5, 0.5 / aspect]) * pose.width_px
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * np.array([*half, 1.0])
    roll, pitch, yaw = np.radians([pose.rotation_degrees, pose.pitch_degrees, pose.yaw_degrees])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    tip = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    swing = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    points = corners @ (swing @ tip @ turn).T
    depth = pose.focal * max(shape)
    seen: NDArray[np.float64] = points[:, :2] * (depth / (depth + points[:, 2:])) + np.array(pose.centre)
    return seen


def homography(quad: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """3 × 3 from an upright picture of (width, height) to a quad in the scene."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    matrix: NDArray[np.float64] = cv2.getPerspectiveTransform(corners, quad.astype(np.float32)).astype(np.float64)
    return matrix


def lay(
    rng: np.random.Generator, scene: Image, picture: Image, quad: NDArray[np.float64], rounded: bool = True
) -> None:
    """Lay an upright picture (H, W, 3) onto a quad of the scene, in place, with shadow and cut edge."""
    size = (picture.shape[1], picture.shape[0])
    matrix = homography(quad, size)
    alpha = _outline(size, rounded)
    low, high = _bounds(quad, scene.shape, 0.06)
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    if low[0] >= high[0] or low[1] >= high[1]:
        return
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], np.float64) @ matrix
    extent = (int(high[0] - low[0]), int(high[1] - low[1]))
    scale = np.sqrt(abs(cv2.contourArea(quad.astype(np.float32))) / (size[0] * size[1]))
    if scale < 0.7:  # sampling finer than the scene would alias
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45 / scale).astype(np.float32)
    laid = cv2.warpPerspective(picture, shift, extent, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpPerspective(alpha, shift, extent, flags=cv2.INTER_LINEAR)
    width = float(np.linalg.norm(quad[1] - quad[0]))
    if rng.random() < 0.75:
        move = np.array([[1, 0, rng.normal(0, 0.008) * width], [0, 1, rng.normal(0, 0.008) * width]])
        shadow = cv2.GaussianBlur(
            cv2.warpAffine(mask, move, extent), (0, 0), max(0.6, rng.uniform(0.003, 0.02) * width)
        )
        scene[window] *= 1 - np.float32(rng.uniform(0.1, 0.6)) * shadow[..., None]
    if rng.random() < 0.06:  # a clear sleeve, larger than the card
        scene[window] = _sleeve(rng, scene[window], quad - low)
    if rng.random() < 0.3:  # worn lamination: the rim is lighter or darker
        rim = mask - cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, round(width / 300)))
        laid = laid + rim[..., None] * np.float32(rng.uniform(-50, 50))
    scene[window] += mask[..., None] * (laid - scene[window])


def _sleeve(rng: np.random.Generator, window: Image, quad: NDArray[np.float64]) -> Image:
    sleeve = quad.mean(0) + (quad - quad.mean(0)) * rng.uniform(1.04, 1.12)
    path = [np.round(sleeve * 8).astype(np.int32)]
    mask = np.zeros(window.shape[:2], np.uint8)
    cv2.fillPoly(mask, path, 120, cv2.LINE_AA, 3)
    cv2.polylines(mask, path, isClosed=True, color=255, thickness=2, lineType=cv2.LINE_AA, shift=3)
    alpha = (mask.astype(np.float32) / np.float32(255 / rng.uniform(0.15, 0.5)))[..., None]
    laid: Image = window + alpha * (np.float32(rng.uniform(120, 250)) - window)
    return laid


def _outline(size: tuple[int, int], rounded: bool) -> Image:
    mask = np.ones((size[1], size[0]), np.float32)
    radius = round(CORNER_RADIUS * size[0])
    if rounded and radius > 1:
        y, x = np.mgrid[0:radius, 0:radius].astype(np.float32)
        corner = np.clip(radius + 0.5 - np.hypot(radius - x, radius - y), 0, 1)
        mask[:radius, :radius], mask[:radius, -radius:] = corner, corner[:, ::-1]
        mask[-radius:, :radius], mask[-radius:, -radius:] = corner[::-1], corner[::-1, ::-1]
    return mask


def _bounds(
    quad: NDArray[np.float64], shape: tuple[int, ...], margin: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    limit = np.array([shape[1], shape[0]])
    pad = margin * np.ptp(quad, axis=0).max()
    low = np.clip(np.floor(quad.min(0) - pad), 0, limit).astype(np.intp)
    return low, np.clip(np.ceil(quad.max(0) + pad), 0, limit).astype(np.intp)


def draw_distractor(rng: np.random.Generator, width_px: int) -> tuple[str, Image]:
    """Draw something card-like that is no KTP; returns its kind and picture."""
    kind = ("licence", "bank_card", "paper", "phone", "back")[int(rng.integers(5))]
    aspect = {"paper": rng.uniform(0.7, 1.5), "phone": 2.05}.get(kind, CARD_ASPECT)
    height = round(width_px / aspect)
    base = rng.uniform(20, 250, 3) if kind != "paper" else rng.uniform(200, 252, 3)
    picture = np.empty((height, width_px, 3), np.float32)
    blend = value_noise(rng, (height, width_px), 3)[..., None]
    picture[:] = base * (1 - blend) + (base + rng.normal(0, 40, 3)) * blend
    if kind == "phone":
        picture[:] = rng.uniform(5, 60)
        cv2.rectangle(
            picture,
            (width_px // 40, height // 20),
            (width_px - width_px // 40, height - height // 20),
            base.tolist(),
            -1,
        )
        return kind, np.clip(picture, 0, 255)
    if kind == "bank_card":
        chip = (int(width_px * 0.09), int(height * 0.36))
        cv2.rectangle(picture, chip, (chip[0] + width_px // 8, chip[1] + height // 6), (212, 178, 92), -1)
        draw_paragraph(
            rng,
            picture,
            (int(width_px * 0.08), int(height * 0.58), int(width_px * 0.8), int(height * 0.85)),
            max(10, height // 8),
        )
        return kind, np.clip(picture, 0, 255)
    text_left = 0.05
    if kind in ("licence", "back"):
        side = 0.04 if rng.random() < 0.6 else 0.66
        text_left = 0.36 if side < 0.5 else 0.05
        photo = rng.uniform(40, 220, 3).tolist()
        corner = (int(side * width_px), int(height * rng.uniform(0.25, 0.35)))
        if kind == "licence":
            cv2.rectangle(
                picture, corner, (corner[0] + int(width_px * 0.27), corner[1] + int(height * 0.55)), photo, -1
            )
    box = (int(text_left * width_px), int(height * 0.08), int((text_left + 0.58) * width_px), int(height * 0.92))
    draw_paragraph(rng, picture, box, max(10, int(height * rng.uniform(0.05, 0.12))))
    return kind, np.clip(picture, 0, 255)


def draw_finger(rng: np.random.Generator, scene: Image, quad: NDArray[np.float64], reach: float) -> NDArray[np.uint8]:
    """Draw a finger coming in over a random edge of the card, in place.

    Args:
        rng: draws edge, thickness and skin.
        scene: (H, W, 3) float32.
        quad: the card, scene pixels.
        reach: how far it covers the card, as a fraction of the card's width.

    Returns:
        (H, W) uint8, 255 where the finger covers the scene.
    """
    side = int(rng.integers(4))
    start, end = quad[side], quad[(side + 1) % 4]
    width = float(np.linalg.norm(quad[1] - quad[0]))
    edge = start + (end - start) * rng.uniform(0.1, 0.9)
    outward = edge - quad.mean(0)
    normal = np.array([end[1] - start[1], start[0] - end[0]])
    normal *= np.sign(normal @ outward) / max(1e-6, float(np.linalg.norm(normal)))
    radius = width * rng.uniform(0.045, 0.085)
    tip = edge - normal * (reach * width - radius)
    direction = normal + rng.normal(0, 0.35, 2)
    root = tip + direction / np.linalg.norm(direction) * width * rng.uniform(0.4, 1.2)
    mask = np.zeros(scene.shape[:2], np.uint8)
    cv2.line(
        mask,
        np.round(tip * 8).astype(int).tolist(),
        np.round(root * 8).astype(int).tolist(),
        255,
        max(2, round(2 * radius)),
        cv2.LINE_AA,
        3,
    )
    skin = np.array([205, 158, 128]) * rng.uniform(0.45, 1.15) + rng.normal(0, 8, 3)
    soft = cv2.GaussianBlur(mask, (0, 0), max(1.0, radius * 0.35)).astype(np.float32) / 255
    colour = skin.astype(np.float32) * (0.55 + 0.45 * soft[..., None])
    alpha = cv2.GaussianBlur(mask, (0, 0), max(0.5, radius * 0.03)).astype(np.float32)[..., None] / 255
    scene += alpha * (colour - scene)
    return mask
