"""What surrounds a training run: faults, power, money, and what scaling laws say of its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from danlu.compute.economics.account import Account, Economy, account
from danlu.compute.economics.faults import ADAM_BYTES
from danlu.compute.economics.power import node_factor
from danlu.compute.economics.scaling import Size, effective_tokens, optimal, repeated, size
from danlu.compute.economics.waiting import train_now_or_wait
from danlu.compute.job import Job
from danlu.compute.job.adapters import adapter_parameters
from danlu.compute.question import Question
from danlu.compute.words import many, money

_SCRATCH_TOKENS = 1e9  # fewer than these, and nobody trains a model from scratch


@dataclass(frozen=True, slots=True)
class Costs:
    """The account of a run. size: of a model from scratch; best: of the same arithmetic, spent as the law advises."""

    job: Job
    account: Account
    size: Size | None
    best: Size | None
    usd_a_year: float = 0.0
    unique_tokens: float = 0.0

    @classmethod
    def of(cls, question: Question, job: Job, solve_s: float) -> Costs:
        """Of a run that takes solve_s without faults. Raises RecipeError for a price or share out of its bounds."""
        economy = Economy.of(question.economy)
        shape = job.architecture
        trained = adapter_parameters(job) if job.tuning.adapted else shape.num_parameters
        made = account(job.cluster, solve_s, ADAM_BYTES * trained, economy)
        earned, unique = (question.economy.get(key, 0.0) for key in ("usd_a_year", "unique_tokens"))
        if job.tuning.method != "pretrain" or question.tokens < _SCRATCH_TOKENS:
            return cls(job, made, None, None, earned)
        asked = size(shape.active_parameters, question.tokens)
        return cls(job, made, asked, optimal(asked.train_flops), earned, unique)

    def to_json(self) -> dict[str, Any]:
        """Faults, power, money, scaling: each with its `lines` for people."""
        told = self.account.to_json()
        prices, site = self.account.economy.prices, self.account.economy.site
        device = self.job.cluster.device
        owned = self.account.choice.owned if self.account.choice else None
        return {
            "faults": {**told["faults"], "lines": [self.account.faults.words]},
            "power": {
                **told["power"],
                "lines": [self.account.power.words],
                "inputs": {"pue": site.pue, "node_factor": site.node_factor or node_factor(device)},
            },
            "money": {
                **{k: told[k] for k in ("device_hours", "rent_usd", "own_usd", "owned", "break_even")},
                "usd_per_device_h_by_years": told["usd_per_device_h_by_years"],
                "lines": list(self._money()),
                "inputs": {
                    "rent_usd_h": prices.rent_usd_h or device.price.rent_usd_h or 0.0,
                    "device_usd": prices.device_usd or device.price.buy_usd or 0.0,
                    "device_share": owned.device_share if owned else 0.5,
                    "years": prices.years,
                    "utilisation": prices.utilisation,
                    "electricity_usd_kwh": prices.electricity_usd_kwh,
                },
                "assumptions": told["assumptions"],
            },
            "scaling": {"lines": list(self._scaling())},
        }

    def _money(self) -> Iterator[str]:
        made = self.account
        if made.rent_usd is None:
            yield "nobody told what this device costs to rent: add rent_usd_h=…, and device_usd=… to compare owning"
        else:
            owned = "" if made.own_usd is None else f"; {money(made.own_usd)} on devices of your own"
            yield f"{money(made.rent_usd)} rented ({made.device_hours:,.0f} device-hours){owned}"
        if made.choice:
            yield made.choice.words
        if self.usd_a_year and made.rent_usd is not None:
            yield train_now_or_wait(made.rent_usd, self.usd_a_year, made.economy.decay).words

    def _scaling(self) -> Iterator[str]:
        """Besiroglu's fit is of one kind of text and tokenizer: the comparison holds better than the number."""
        if self.size is None or self.best is None:
            return
        loss = self.size.loss
        yield (
            f"{self.size.tokens_per_parameter:.0f} tokens a parameter; loss {loss.value:.2f} ({loss.low:.2f} to "
            f"{loss.high:.2f}) nats a token by Chinchilla's law as fitted again (arXiv 2404.10102)"
        )
        if 0 < self.unique_tokens < self.size.tokens:
            epochs = self.size.tokens / self.unique_tokens
            worth = repeated(self.size.parameters, self.unique_tokens, epochs)
            yield (
                f"{many(self.unique_tokens)} different tokens read {epochs:.1f} times are worth "
                f"{many(effective_tokens(self.unique_tokens, self.size.tokens))} new ones: loss {worth.loss.value:.2f} "
                "(arXiv 2305.16264)"
            )
        yield (
            f"the same arithmetic spent best: {many(self.best.parameters)} parameters on {many(self.best.tokens)} "
            f"tokens, loss {self.best.loss.value:.2f}; a smaller model is trained for longer where it is to serve"
        )
