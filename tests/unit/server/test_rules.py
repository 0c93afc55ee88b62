"""The stages' rules are those of the settings."""

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_server.line_reading import ReadingRules
from ktp_server.rules import pipeline_rules
from ktp_server.settings import Settings

KNOWLEDGE = CardKnowledge.load()


def test_what_the_settings_say_of_reading_holds() -> None:
    settings = Settings(text_confidence_min=0.1, proof_count_min=5)
    expected = ReadingRules(KNOWLEDGE, text_confidence_min=0.1, proof_count_min=5, unseen_confidence_min=0.25)
    assert pipeline_rules(settings, KNOWLEDGE).reading == expected
