"""The door's languages: the visitor's own, two at once, complete catalogues, and nothing that a language gives away."""

from __future__ import annotations

import re
import string

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from admission.rules import Why
from kiosk.face import Shown, refusal
from kiosk.face.language import CATALOGUES, DOMAIN, LANGUAGES, RIGHT_TO_LEFT, choose, isolated, known, say
from kiosk.face.words import SENTENCES, WORDS
from tests.faces import STATES

OTHERS = [language for language in LANGUAGES if language != "en"]
TITLE_LIMIT, ADVICE_LIMIT = 32, 84
"""Characters, in other languages than English; whether they fit is for the browser to say."""
WELCOME = Shown("welcome", "welcome")


def sentences() -> set[str]:
    said = {part for words in WORDS.values() for part in (words.title, words.advice)}
    return said | set(SENTENCES.values())


class TestChoice:
    @pytest.mark.parametrize(
        ("tag", "language"),
        [("fr", "fr"), ("fr-CA", "fr"), ("zh-Hant-TW", "zh"), ("AR", "ar"), ("pt_BR", ""), ("", ""), ("x", "")],
    )
    def test_a_tag_is_the_language_that_it_begins_with(self, tag: str, language: str) -> None:
        assert known(tag) == language

    def test_a_visitor_whose_language_the_door_speaks_reads_that_alone(self) -> None:
        assert choose(Shown("refused", "expired", speaks="hi-IN"), ("en", "fr")) == ("hi",)

    @pytest.mark.parametrize("speaks", ["", "sw"])
    def test_any_other_visitor_reads_the_first_two_of_the_event(self, speaks: str) -> None:
        assert choose(Shown("refused", "expired", speaks=speaks), ("es", "ar", "ru")) == ("es", "ar")

    def test_an_event_that_says_nothing_gets_english_and_french(self) -> None:
        assert choose(WELCOME, ()) == ("en", "fr")
        assert choose(WELCOME, ("tlh", "pt")) == ("en", "fr")

    def test_a_door_that_waits_offers_all_of_them_and_staff_get_one(self) -> None:
        assert choose(Shown("waiting", "waiting"), ("en", "fr", "ar")) == ("en", "fr", "ar")
        assert choose(Shown("pairing", "pair"), ("fr", "en")) == ("fr",)


class TestCatalogues:
    @pytest.mark.parametrize("language", OTHERS)
    def test_every_sentence_is_translated_and_nothing_is_left_over(self, language: str) -> None:
        with (CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
            messages = [one for one in read_po(file) if one.id]
        assert {str(one.id) for one in messages} == sentences()
        assert [one.id for one in messages if not one.string or one.string == one.id] == []

    @pytest.mark.parametrize("language", OTHERS)
    def test_what_is_compiled_is_what_was_written(self, language: str) -> None:
        source = CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        with source.open("rb") as file, source.with_suffix(".mo").open("rb") as compiled:
            written, made = (
                {one.id: one.string for one in read(kind) if one.id}
                for read, kind in ((read_po, file), (read_mo, compiled))
            )
        assert made == written

    @pytest.mark.parametrize("language", OTHERS)
    def test_titles_and_advice_are_short_and_keep_what_is_filled_in(self, language: str) -> None:
        for key in WORDS:
            line = say(Shown("moment", key), language)
            assert 0 < len(line.title) <= TITLE_LIMIT, key
            assert 0 < len(line.advice) <= ADVICE_LIMIT, key
        for about in SENTENCES:
            filled = say(Shown("full", "full", detail="\u241f", about=about), language).detail
            assert filled.count("\u241f") == SENTENCES[about].count("{detail}")
            assert "{" not in filled

    def test_digits_are_the_same_everywhere(self) -> None:
        for shown in STATES:
            for language in LANGUAGES:
                line = say(shown, language)
                said = re.findall(r"\d", line.title + line.advice)
                assert set(said) <= set(string.digits)


class TestPrivacy:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_private_reasons_cannot_be_told_apart_in_any_language(self, language: str) -> None:
        told = {say(refusal(why), language) for why in (Why.FORGED, Why.REVOKED, Why.DELEGATION_FULL)}
        assert len(told) == 1


def test_a_name_that_runs_the_other_way_does_not_turn_the_sentence_round() -> None:
    assert (
        say(Shown("full", "full", detail="قاعة", about="overflow"), "en").detail == f"Please go to: {isolated('قاعة')}"
    )
    assert (isolated("x"), isolated("")) == ("\u2068x\u2069", "")


def test_the_languages_that_run_from_right_to_left_say_so() -> None:
    assert {language for language in LANGUAGES if say(WELCOME, language).dir == "rtl"} == RIGHT_TO_LEFT
