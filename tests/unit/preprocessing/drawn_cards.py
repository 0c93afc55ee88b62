"""Card-like drawings and scenes with known corners, and masks as a segmentation model would give them."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.letterbox import Letterboxed, letterbox
from ktp_preprocessing.rectify import card_frame_quad

MASK_CELLS = 28
CARD_SIZE_PX = (1248, 788)
"""Twice the card in the card frame."""

UPRIGHT = np.array([[330.0, 300.0], [1230.0, 330.0], [1215.0, 890.0], [310.0, 870.0]])
"""A card in a 1600 x 1200 scene, seen a little from the side."""


@dataclass(frozen=True)
class Scene:
    """How to draw a scene.

    Attributes:
        quad: (4, 2) the card's corners, clockwise from its own top left.
        size_px: width and height.
        ground: mean colour of the background.
        texture: standard deviation of the background's texture, grey levels.
        fingers: (x, y, radius) of skin-coloured discs over the scene.
        sleeve_px: width of a border around the card, 0 for none.
        sleeve_grey: its grey level; light as a sleeve's, or dark as a shadow's.
        shadow: how much of the light a soft shadow takes, 0 to 1.
        shadow_blur_px: standard deviation of its edge.
        rim: colour of the card's rim, None for none; a rim is a third of a per cent of the card's width wide.
        blur_px: standard deviation of a final blur.
        seed: of texture and noise.
    """

    quad: NDArray[np.float64] = field(default_factory=UPRIGHT.copy)
    size_px: tuple[int, int] = (1600, 1200)
    ground: tuple[int, int, int] = (120, 100, 80)
    texture: float = 8.0
    fingers: tuple[tuple[int, int, int], ...] = ()
    sleeve_px: int = 0
    sleeve_grey: int = 215
    shadow: float = 0.0
    shadow_blur_px: float = 8.0
    rim: tuple[int, int, int] | None = None
    blur_px: float = 0.8
    seed: int = 0


def draw_card(seed: int = 0) -> NDArray[np.uint8]:
    """A card with ground, photo panel and rows of print: (788, 1248, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    width_px, height_px = CARD_SIZE_PX
    waves = np.sin(np.arange(width_px) / 9.0)[None] * np.cos(np.arange(height_px) / 11.0)[:, None]
    card = np.clip(np.array([178.0, 203.0, 222.0]) + 7.0 * waves[..., None], 0, 255).astype(np.uint8)
    cv2.rectangle(card, (890, 190), (1220, 590), (170, 40, 40), -1)
    cv2.ellipse(card, (1055, 330), (80, 100), 0, 0, 360, (90, 70, 60), -1)
    cv2.ellipse(card, (1055, 590), (140, 150), 0, 180, 360, (245, 245, 245), -1)
    for row in range(14):
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTU :"), 26 if row > 1 else 18))
        left = 340 if row < 2 else 36
        cv2.putText(card, text, (left, 66 + 48 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (62, 62, 62), 3, cv2.LINE_AA)
    return card


def draw_scene(scene: Scene) -> NDArray[np.uint8]:
    """A photograph of a card: (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(scene.seed)
    width_px, height_px = scene.size_px
    coarse = rng.normal(0.0, 1.0, (height_px // 6, width_px // 6, 1)).astype(np.float32)
    texture = cv2.resize(coarse, scene.size_px, interpolation=cv2.INTER_CUBIC)[..., None]
    image = np.clip(np.array(scene.ground) + scene.texture * texture, 0, 255).astype(np.uint8)
    if scene.sleeve_px:
        outer = scene.quad + scene.sleeve_px * np.sign(scene.quad - scene.quad.mean(axis=0))
        _paint(image, outer, np.full((64, 100, 3), scene.sleeve_grey, dtype=np.uint8), 0.0)
    if scene.shadow:
        covered = np.zeros((height_px, width_px), dtype=np.uint8)
        cv2.fillConvexPoly(covered, np.round(scene.quad + np.array([4.0, 6.0])).astype(np.int32), 255)
        darkness = scene.shadow / 255.0 * cv2.GaussianBlur(covered, (0, 0), scene.shadow_blur_px)[..., None]
        image = np.asarray(image * (1.0 - darkness) + 0.5).astype(np.uint8)
    card = draw_card(scene.seed)
    if scene.rim is not None:
        rim_px = round(CARD_SIZE_PX[0] / 300)
        cv2.rectangle(card, (0, 0), (CARD_SIZE_PX[0] - 1, CARD_SIZE_PX[1] - 1), scene.rim, 2 * rim_px - 1)
    _paint(image, scene.quad, card, 3.18 / 85.6)
    for x, y, radius in scene.fingers:
        cv2.circle(image, (x, y), radius, (205, 150, 120), -1, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(image, (0, 0), scene.blur_px).astype(np.float32)
    return np.asarray(np.clip(blurred + rng.normal(0.0, 3.0, blurred.shape) + 0.5, 0, 255), dtype=np.uint8)


def _paint(image: NDArray[np.uint8], quad: NDArray[np.float64], card: NDArray[np.uint8], radius_share: float) -> None:
    """Lay a picture onto a quad, corners rounded."""
    height_px, width_px = card.shape[:2]
    radius = round(radius_share * width_px)
    shape = np.zeros((height_px, width_px), dtype=np.uint8)
    cv2.rectangle(shape, (radius, 0), (width_px - 1 - radius, height_px - 1), 255, -1)
    cv2.rectangle(shape, (0, radius), (width_px - 1, height_px - 1 - radius), 255, -1)
    for x in (radius, width_px - 1 - radius):
        for y in (radius, height_px - 1 - radius):
            cv2.circle(shape, (x, y), radius, 255, -1)
    corners = np.array([[0.0, 0.0], [width_px, 0.0], [width_px, height_px], [0.0, height_px]]) - 0.5
    homography = quad_homography(corners, quad)
    size = image.shape[1], image.shape[0]
    laid = cv2.warpPerspective(card, homography, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpPerspective(shape, homography, size, flags=cv2.INTER_LINEAR)[..., None] / 255.0
    image[:] = np.asarray(image * (1.0 - cover) + laid * cover + 0.5).astype(np.uint8)


def view_of_card(pitch_degrees: float, yaw_degrees: float, roll_degrees: float) -> NDArray[np.float64]:
    """Corners of a card in the middle of a 1600 x 1200 image of a pinhole camera, focal length 1680 px."""
    half = np.array([450.0, 450.0 * 53.98 / 85.60])
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * np.array([*half, 1.0])
    roll, pitch, yaw = np.radians([roll_degrees, pitch_degrees, yaw_degrees])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    tip = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    swing = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    points = corners @ (swing @ tip @ turn).T
    seen = points[:, :2] * (1680.0 / (1680.0 + points[:, 2:])) + np.array([799.5, 599.5])
    return np.asarray(seen, dtype=np.float64)


def turned(
    quad: NDArray[np.float64], degrees: float, centre: tuple[float, float] = (800.0, 600.0)
) -> NDArray[np.float64]:
    """Turn corners clockwise in the image about a point."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray((quad - np.array(centre)) @ turn + np.array(centre), dtype=np.float64)


def simulate_mask(
    quad: NDArray[np.float64], boxed: Letterboxed, size_px: tuple[int, int], seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A mask and its box, as inexact as a model's: the box off by about 1 %, the mask blurred and noisy."""
    rng = np.random.default_rng(seed)
    seen = map_points(boxed.homography, quad)
    image = np.array([[0.0, 0.0], [size_px[0], 0.0], size_px, [0.0, size_px[1]]]) - 0.5
    limits = map_points(boxed.homography, image)
    lowest, highest = limits.min(axis=0), limits.max(axis=0)
    low, high = np.maximum(seen.min(axis=0), lowest), np.minimum(seen.max(axis=0), highest)
    extent = np.concatenate([high - low, high - low])
    box = np.concatenate([low, high]) + rng.normal(0.0, 0.008, 4) * extent
    box[:2], box[2:] = np.maximum(box[:2], lowest), np.minimum(box[2:], highest)
    fine = 8 * MASK_CELLS
    points = (seen - box[:2]) / (box[2:] - box[:2]) * fine - 0.5
    canvas = np.zeros((fine, fine), dtype=np.uint8)
    cv2.fillConvexPoly(canvas, np.round(points * 16).astype(np.int32), 255, shift=4)
    mask = cv2.resize(canvas.astype(np.float32) / 255, (MASK_CELLS, MASK_CELLS), interpolation=cv2.INTER_AREA)
    mask = np.clip(cv2.GaussianBlur(mask, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE), 0.001, 0.999)
    noise = cv2.GaussianBlur(rng.normal(0.0, 1.0, mask.shape).astype(np.float32), (0, 0), 1.2)
    logits = np.log(mask / (1.0 - mask)) + 0.6 * noise / float(noise.std())
    return (1.0 / (1.0 + np.exp(-logits))).astype(np.float32), box


def card_in_frame(seed: int = 0) -> NDArray[np.uint8]:
    """The drawn card as rectification gives it: (416, 640, 3) uint8 RGB."""
    card = draw_card(seed)
    small = cv2.resize(card, (624, 394), interpolation=cv2.INTER_AREA)
    frame = np.full((416, 640, 3), 110, dtype=np.uint8)
    left, top = card_frame_quad()[0].astype(int)
    frame[top : top + 394, left : left + 624] = small
    return frame


def letterboxed(image: NDArray[np.uint8]) -> Letterboxed:
    """The image in the segmentation model's square."""
    return letterbox(image, 320)
