"""Lays cards and things into a scene: rounded corners, shadow, a sleeve, fingers over the edge."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.pose import homography

Image = NDArray[np.float32]
CORNER_RADIUS = 3.18 / 85.60  # ISO/IEC 7810: 3.18 mm, of the width


@dataclass(frozen=True, slots=True)
class Mount:
    """How a picture lies in the scene.

    Attributes:
        rounded: it has a plastic card's rounded corners.
        loose: it is a thing of its own, with shadow, worn edge, perhaps a sleeve; else it is printed or shown there.
    """

    rounded: bool = True
    loose: bool = True


def lay(rng: np.random.Generator, scene: Image, picture: Image, quad: NDArray[np.float64], mount: Mount) -> None:
    """Lay an upright picture (H, W, 3) onto a quad of the scene, in place."""
    size = (picture.shape[1], picture.shape[0])
    matrix = homography(quad, size)
    alpha = _outline(size, mount.rounded)
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
    if mount.loose and rng.random() < 0.75:
        move = np.array([[1, 0, rng.normal(0, 0.008) * width], [0, 1, rng.normal(0, 0.008) * width]])
        shadow = cv2.GaussianBlur(
            cv2.warpAffine(mask, move, extent), (0, 0), max(0.6, rng.uniform(0.003, 0.02) * width)
        )
        scene[window] *= 1 - np.float32(rng.uniform(0.1, 0.6)) * shadow[..., None]
    if mount.loose and rng.random() < 0.06:  # a clear sleeve, larger than the card
        scene[window] = _sleeve(rng, scene[window], quad - low)
    if mount.loose and rng.random() < 0.3:  # worn lamination: the rim is lighter or darker
        rim = mask - cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, round(width / 300)))
        laid = laid + rim[..., None] * np.float32(rng.uniform(-50, 50))
    scene[window] = cv2.blendLinear(laid.astype(np.float32), scene[window], mask, 1 - mask)


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
    _paint_skin(rng, scene, mask, radius)
    return mask


def _paint_skin(rng: np.random.Generator, scene: Image, mask: NDArray[np.uint8], radius: float) -> None:
    """Paint a finger of a radius in pixels, rounded by shading, where the mask is set, in place."""
    skin = np.array([205, 158, 128]) * rng.uniform(0.45, 1.15) + rng.normal(0, 8, 3)
    reach_px = int(4 + radius * 2)
    x, y, width_px, height_px = cv2.boundingRect(mask)
    if not width_px:
        return
    rows, columns = (
        slice(max(0, y - reach_px), y + height_px + reach_px),
        slice(max(0, x - reach_px), x + width_px + reach_px),
    )
    covered, window = mask[rows, columns], scene[rows, columns]
    small = cv2.resize(covered, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, radius * 0.09)).astype(np.float32) / 255
    soft = cv2.resize(small, covered.shape[::-1], interpolation=cv2.INTER_LINEAR)
    colour = skin.astype(np.float32) * (0.55 + 0.45 * soft[..., None])
    alpha = cv2.GaussianBlur(covered, (0, 0), max(0.5, radius * 0.03)).astype(np.float32)[..., None] / 255
    window += alpha * (colour - window)
