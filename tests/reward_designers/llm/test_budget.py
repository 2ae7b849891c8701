"""Prices and limits, on numbers small enough to check by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from reward_designers.llm import Budget, BudgetError, Usage, budget, price_table


def test_the_shipped_prices_name_source_and_date():
    table = yaml.safe_load(Path(budget.__file__).with_name("prices.yaml").read_text())
    assert re.fullmatch(r"\d{4}-\d{2}", table["date"])
    assert table["source"].startswith("https://")
    prices = price_table()
    assert set(prices) == set(table["models"])
    assert all(0 < prompt <= completion < 1000 for prompt, completion in prices.values())


def test_dollars():
    """A million prompt tokens at 2 and half a million completion tokens at 8 cost 2 + 4."""
    usage = Usage("gpt-4.1", 1, 1_000_000, 500_000)
    assert usage.usd((2.0, 8.0)) == 6.0
    assert Budget().usd([usage], "gpt-4.1") == 6.0
    assert Budget(price=(1.0, 1.0)).usd([usage], "gpt-4.1") == 1.5
    assert Budget(price=(1.0, 1.0)).usd([usage], "another") == 6.0  # the price given is that of the model in use
    assert Budget().usd([usage, Usage("mine", 1, 1, 0)], "gpt-4.1") is None
    assert Budget().usd([], "mine") == 0.0


def test_limits_are_inclusive():
    call = Usage("tiny", 1, 60, 40)
    spent = [Usage("tiny", 1, 100, 0)]
    Budget(max_tokens=200).admit(spent, call)
    with pytest.raises(BudgetError, match="max_tokens=199"):
        Budget(max_tokens=199).admit(spent, call)
    Budget(max_usd=2.0, price=(10_000.0, 10_000.0)).admit(spent, call)
    with pytest.raises(BudgetError, match=r"\$1.0000, and \$1.0000 of max_usd=1.99"):
        Budget(max_usd=1.99, price=(10_000.0, 10_000.0)).admit(spent, call)
    Budget(max_calls=2).admit(spent, call)
    with pytest.raises(BudgetError, match="1 of max_calls=1 were made"):
        Budget(max_calls=1).admit(spent, call)
    Budget().admit(spent, call)


def test_calls_without_an_outcome_are_mentioned():
    with pytest.raises(BudgetError, match="70 tokens are the worst case of calls without an outcome"):
        Budget(max_tokens=100).admit([Usage("tiny", 2, 60, 30, unsettled_tokens=70)], Usage("tiny", 1, 1, 10))


def test_another_model_in_the_store_without_a_price():
    with pytest.raises(BudgetError, match=r"also paid for mine, whose price is not known"):
        Budget(max_usd=5.0).admit([Usage("mine", 1, 5, 5)], Usage("gpt-5", 1, 5, 5))


@pytest.mark.parametrize(
    "options", [{"max_usd": -1.0}, {"max_tokens": -1}, {"max_calls": -1}, {"price": (1.0,)}, {"price": (-1.0, 1.0)}]
)
def test_malformed_budgets(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Budget(**options)
