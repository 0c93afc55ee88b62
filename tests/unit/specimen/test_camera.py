"""What a camera does, each effect on its own."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_specimen.camera import Degradation, photograph
from ktp_specimen.lens import aperture_kernel, motion_kernel
from ktp_specimen.light import light_scene

SHAPE = (240, 320)
QUAD = np.array([[40, 40], [280, 40], [280, 191], [40, 191]], np.float64)


def take(scene: NDArray[np.float32], degradation: Degradation) -> NDArray[np.uint8]:
    return photograph(np.random.default_rng(1), scene, QUAD, degradation).pixels


def grey_scene(value: float) -> NDArray[np.float32]:
    return np.full((*SHAPE, 3), value, np.float32)


def test_without_degradation_the_scene_comes_out_as_it_was() -> None:
    scene = np.random.default_rng(2).uniform(0, 255, (*SHAPE, 3)).astype(np.float32)
    assert np.abs(take(scene, Degradation()) - scene).max() <= 1.0


@pytest.mark.parametrize("stops", [-2.0, -1.0, 0.5])
def test_a_stop_doubles_the_light(stops: float) -> None:
    shown = take(grey_scene(120), Degradation(exposure_stops=stops)).mean() / 255
    assert shown**2 / (120 / 255) ** 2 == pytest.approx(2**stops, rel=0.03)


@pytest.mark.parametrize("blades", [0, 5, 7])
@pytest.mark.parametrize("radius_px", [1.3, 4.0])
def test_defocus_keeps_light_and_has_its_radius(blades: int, radius_px: float) -> None:
    kernel = aperture_kernel(radius_px, blades, 20.0)
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    spread = float((kernel * (offset[:, None] ** 2 + offset[None] ** 2)).sum())
    assert kernel.sum() == pytest.approx(1.0, abs=1e-4)
    assert 0.7 * radius_px < (2 * spread) ** 0.5 < 1.15 * radius_px + 0.4  # a disc's mean square is half its radius'


@pytest.mark.parametrize("bend", [0.0, 0.4])
@pytest.mark.parametrize("degrees", [0.0, 45.0, 90.0])
def test_motion_is_as_long_as_told_and_centred(bend: float, degrees: float) -> None:
    kernel = motion_kernel(9.0, degrees, bend)
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    turn = np.radians(degrees)
    along = offset[None] * np.cos(turn) + offset[:, None] * np.sin(turn)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-4)
    assert float((kernel * along).sum()) == pytest.approx(0.0, abs=0.3)
    assert np.ptp(along[kernel > 0.01]) == pytest.approx(9.0, abs=2.5)


def test_black_stays_a_number_under_the_widest_blur() -> None:
    """Wide kernels are applied by Fourier transform, which leaves black a hair below zero."""
    scene = grey_scene(0)
    scene[100:140, 100:140] = 255
    shaken = take(scene, Degradation(blur_sigma_px=8.0, motion_px=30.0))  # a root of less than zero warns
    assert shaken[:40, :40].max() == 0


def test_noise_is_as_strong_at_every_brightness() -> None:
    noise = Degradation(noise_sigma=8.0, chroma_noise=0.0)
    strengths = [take(grey_scene(value), noise)[..., 1].std() for value in (60, 128, 200)]
    assert 3.0 < min(strengths) < max(strengths) < 9.0
    assert max(strengths) < 1.2 * min(strengths)


def test_a_colour_mosaic_keeps_flat_colour_and_frays_edges() -> None:
    flat = grey_scene(120) * np.array([1.0, 0.6, 1.4], np.float32)
    assert np.abs(take(flat, Degradation(mosaic=True)) - flat)[4:-4, 4:-4].max() <= 2.0
    edge = grey_scene(40)
    edge[:, 161:] = 220
    frayed = take(edge, Degradation(mosaic=True)).astype(int)
    assert np.abs(frayed[..., 0] - frayed[..., 2])[10:-10].max() > 10


def test_glare_is_measured_as_a_share_of_the_card() -> None:
    scene = grey_scene(100)
    areas = [
        light_scene(np.random.default_rng(3), scene, QUAD, Degradation(glare=1.0, glare_radius=radius))[1]
        for radius in (0.02, 0.1, 0.2)
    ]
    assert areas == sorted(areas)
    assert 0 <= areas[0] < 0.1 < areas[2] <= 1


def test_sharpening_draws_halos() -> None:
    scene = grey_scene(80)
    scene[:, 160:] = 170
    plain, sharp = (take(scene, Degradation(sharpening=amount)) for amount in (0.0, 1.2))
    assert sharp.max() > plain.max() + 10
    assert sharp.min() < plain.min() - 10


@pytest.mark.parametrize("change", [{"first_jpeg_quality": 40}, {"resample": 1.8}])
def test_an_app_costs_detail(change: dict[str, float]) -> None:
    scene = np.random.default_rng(4).uniform(40, 220, (*SHAPE, 3)).astype(np.float32)
    sent = take(scene, replace(Degradation(), **change))  # type: ignore[arg-type]
    detail = [cv2.Laplacian(pixels, cv2.CV_32F).std() for pixels in (take(scene, Degradation()), sent)]
    assert detail[1] < 0.9 * detail[0]
