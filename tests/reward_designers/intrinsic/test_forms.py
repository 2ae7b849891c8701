"""Prompts that can be read back, and answers that are taken strictly."""

from __future__ import annotations

import json

import pytest

from reward_designers.intrinsic.forms import LabelForm, PairForm

CAPTIONS = ['The door "opens".', "{1: 4}", "", "§ \ud800 half a pair", "two\nlines", AGAIN := "The last answer"]


def test_a_prompt_says_what_it_asked_about() -> None:
    form = LabelForm("open the {door}")
    assert "open the {door}" in form.system
    for attempt in (1, 2):
        prompt = form.prompt(CAPTIONS, attempt)
        assert form.items(prompt) == CAPTIONS
        assert prompt.hash  # it can be hashed, so it can be stored
    assert form.prompt(CAPTIONS, 1).hash != form.prompt(CAPTIONS, 2).hash
    pairs = [("a", "b"), ("b", 'c"')]
    assert PairForm("go").items(PairForm("go").prompt(pairs, 2)) == pairs


def test_the_examples_in_the_prompts_are_valid_answers() -> None:
    for form in (LabelForm("go"), PairForm("go")):
        example = form.system[form.system.rindex('{"1"') : form.system.rindex("}") + 1]
        assert len(form.answers(example, 2)) == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"1": 4, "2": 0}',
        '```json\n{"1": 4, "2": 0}\n```',
        '<think>perhaps {"1": 1}?</think>Here you are: {"1": 4, "2": 0}. Anything else?',
        '{"2": 0, "1": 4, "3": 1}',
    ],
)
def test_labels(text: str) -> None:
    assert LabelForm("go").answers(text, 2) == {0: 1.0, 1: 0.0}


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("", {}),
        ("no", {}),
        ('{"1": 4', {}),
        ("[4, 0]", {}),
        ('{"1": 4, "2": 5}', {0: 1.0}),
        ('{"1": -1, "2": 2}', {1: 0.5}),
        ('{"1": "4", "2": true}', {}),
        ('{"1": 3.5, "2": null}', {}),
        ('{"a": 1, "2": 1}', {1: 0.25}),
        ('{"1": NaN, "2": {"2": 1}}', {}),
    ],
)
def test_what_is_not_valid_is_not_guessed(text: str, valid: dict[int, float]) -> None:
    assert LabelForm("go").answers(text, 2) == valid


def test_preferences() -> None:
    text = '{"1": "first", "2": "second", "3": "same", "4": "First", "5": 1, "6": null}'
    assert PairForm("go").answers(text, 6) == {0: 1.0, 1: 0.0, 2: 0.5}


def test_what_is_written_is_read() -> None:
    for form, answers in ((LabelForm("go"), [0.0, 0.25, 0.5, 0.75, 1.0]), (PairForm("go"), [0.0, 0.5, 1.0])):
        text = json.dumps({str(number): form.write(answer) for number, answer in enumerate(answers, 1)})
        assert form.answers(text, len(answers)) == dict(enumerate(answers))
