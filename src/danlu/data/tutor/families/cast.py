"""Who and what the stories are about: names from many countries, and the draw of one option."""

from __future__ import annotations

import random
from dataclasses import dataclass

SHE = (
    "Maya Amina Yuki Priya Zainab Sofia Ingrid Chloe Mei Leila Ana Freya Nadia Aisha Elena Hana Lucia Rosa "
    "Fatima Tara Olga Keiko Carmen Wanjiku Noor Astrid Giulia Linh Mina Ruth Zoe Abena Irina Marta Sana Thandi"
).split()
HE = (
    "Kofi Mateo Chidi Omar Liam Ravi Tomas Hiro Ben Pavel Ali Jonas Diego Wei Samir Ivan Luca Tariq Noah Emeka "
    "Arjun Felix Hugo Yusuf Oscar Minh Rafael Andrei Kenji Daniel Bilal Sven Marco Jamal Teo Goran"
).split()


@dataclass(frozen=True, slots=True)
class Person:
    """A name with its pronouns, lower case."""

    name: str
    they: str
    their: str

    def __str__(self) -> str:
        return self.name

    @property
    def They(self) -> str:  # noqa: N802
        """The pronoun as it opens a sentence."""
        return self.they.capitalize()


def people(rng: random.Random, count: int) -> list[Person]:
    """`count` different people."""
    women, men = rng.sample(SHE, count), rng.sample(HE, count)
    return [Person(women[i], "she", "her") if rng.random() < 0.5 else Person(men[i], "he", "his") for i in range(count)]


def person(rng: random.Random) -> Person:
    """Somebody."""
    return people(rng, 1)[0]


def pick(rng: random.Random, *options: str) -> str:
    """One of the options."""
    return rng.choice(options)


def coin(rng: random.Random) -> str:
    """A currency sign, written before the amount."""
    return rng.choice(("$", "$", "€", "£"))
