"""Light, lens, sensor and file format of a photograph, drawn by how hard it shall be to read."""

import numpy as np

from ktp_specimen.camera import Degradation

REFERENCE_CARD_PX = 900.0  # blur and motion are drawn for a card of this width and scaled to the card at hand


def draw_degradation(rng: np.random.Generator, hardness: float, card_px: float, training: bool) -> Degradation:
    """Draw a photograph's conditions.

    Args:
        rng: draws them.
        hardness: 0 a careful photograph, 0.5 the ordinary case, 1 what a person still reads.
        card_px: width of the card in the image.
        training: wider, up to what cannot be read any more.
    """
    h = hardness
    scale = card_px / REFERENCE_CARD_PX
    wide = 1.3 if training else 1.0

    def chance(probability: float) -> bool:
        return bool(rng.random() < probability)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    grey = chance(0.06 if training else 0.02 * h)
    copied = chance(0.05 if training else 0.03 * h)
    shown = not copied and chance(0.05 if training else 0.02 * h)
    return Degradation(
        light_gradient=between(0, 0.2 + 0.8 * h),
        vignetting=between(0, 0.5) if chance(0.4) else 0.0,
        light_bands=between(0.05, 0.35) * wide if chance(0.08 * h) else 0.0,
        shadow=between(0.15, 0.4 + 0.4 * h) if chance(0.5 * h) else 0.0,
        glare=between(0.1, (0.4 + 0.8 * h) * wide) if chance(0.45 * h) else 0.0,
        glare_radius=between(0.03, 0.16),
        exposure_stops=between(-1.5 * h * wide - 0.2, 0.55 * h * wide + 0.2),
        gamma=float(np.exp(rng.uniform(-0.25, 0.25) * (h + 0.1) * wide)),
        contrast=between(-0.3, 0.6) * (0.2 + 0.8 * h) if chance(0.5) else 0.0,
        haze=between(0.0, 0.25 * h * wide) if chance(0.25) else 0.0,
        warmth=float(rng.normal(0, 0.02 + 0.07 * h)),
        tint=float(rng.normal(0, 0.01 + 0.025 * h)),
        saturation=0.0 if grey else between(1 - 0.35 * h, 1 + 0.3 * h),
        blur_sigma_px=between(0.2, 0.6 + 1.05 * h * wide) * scale,
        aperture_blades=int(rng.choice((0, 0, 5, 6, 7, 8))),
        motion_px=between(0.0, 4.5 * h * wide + 0.5) * scale if chance(0.5 * h) else 0.0,
        motion_degrees=between(0, 180),
        motion_bend=between(-0.4, 0.4),
        noise_sigma=between(0.5, 2.0 + 8.0 * h * wide),
        chroma_noise=between(0, 0.6),
        mosaic=chance(0.3),
        denoised=chance(0.12 * h),
        sharpening=between(0, 0.6 + 0.8 * h) if chance(0.35) else 0.0,
        sharpening_radius_px=between(0.7, 2.2),
        first_jpeg_quality=int(rng.integers(40 if training else 60, 92)) if chance(0.3 * h) else 0,
        resample=between(1.0, 1.0 + 0.55 * h * wide) if chance(0.4) else 1.0,
        photocopy=between(0.05, 1.0 if training else 0.6) if copied else 0.0,
        halftone=between(0.1, 0.7 if training else 0.4)
        if not copied and chance(0.05 if training else 0.03 * h)
        else 0.0,
        screen=between(0.2, 1.0 if training else 0.6) if shown else 0.0,
        jpeg_quality=int(rng.integers(45 if training else 60, 96)) if h > 0 else int(rng.integers(85, 96)),
        chroma_subsampling=chance(0.8),
    )
