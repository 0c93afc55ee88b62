"""The stages' rules, from the settings."""

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_preprocessing.quality import QualityThresholds
from ktp_preprocessing.view import ViewThresholds
from ktp_server.assessment import CheckRules
from ktp_server.cards import CardSelection
from ktp_server.line_reading import ReadingRules
from ktp_server.pipeline import PipelineRules
from ktp_server.settings import Settings
from ktp_server.steps import CardRules

__all__ = ["pipeline_rules"]


def pipeline_rules(settings: Settings, knowledge: CardKnowledge) -> PipelineRules:
    """Build the rules.

    Args:
        settings: thresholds.
        knowledge: lists that fields are matched against.
    """
    requirements = settings.requirement_rules()
    selection = CardSelection(
        settings.card_score_min, settings.extra_card_score_min, refuses_several=settings.several_cards == "reject"
    )
    checks = CheckRules(
        quality=QualityThresholds(settings.sharpness_min, settings.brightness_min, settings.specularity_min),
        view=ViewThresholds(settings.completeness_min, settings.tilt_min, settings.colour_min),
        moire=settings.moire_min,
        single_card=1.0 - settings.extra_card_score_min,
        ktp_likeness=settings.ktp_likeness_min,
    )
    card = CardRules(selection, requirements, checks)
    reading = ReadingRules(
        knowledge, text_confidence_min=settings.text_confidence_min, proof_count_min=settings.proof_count_min
    )
    return PipelineRules(requirements, card, reading, settings.require)
