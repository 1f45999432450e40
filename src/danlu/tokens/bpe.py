"""A tokenizer of one's own: byte-level BPE, trained on one's own text.

Sources: Sennrich et al. 2016, arXiv 1508.07909 (BPE); Radford et al. 2019 (GPT-2: over bytes, so that no text is
unknown). The pattern that words are cut by follows GPT-4's (openai/tiktoken): numbers in groups of at most three
digits, so that arithmetic does not depend on which long numbers happened to be frequent.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from danlu.artefact import write_json, write_text
from danlu.errors import DataError

END_OF_TEXT = "<|endoftext|>"
BYTES = 256
_WORDS = (
    r"'(?i:[sdmt]|ll|ve|re)"  # what English hangs on a word
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"  # a word, with the space or bracket before it
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"  # punctuation, with the line that it ends
    r"|\s*[\r\n]"
    r"|\s+(?!\S)"
    r"|\s+"
)


def train_bpe(texts: Iterable[str], vocab_size: int, folder: Path) -> None:
    """Train on `texts` and write tokenizer.json and tokenizer_config.json into `folder`, as transformers reads them.

    vocab_size: the tokens in all: 256 bytes, the end-of-text token, and merges. The end-of-text token also begins a
    text, so that a model learns what texts start with. The same texts in the same order give the same bytes. Raises
    DataError where the texts hold too few different words for so many tokens, or spell the end-of-text token.
    """
    assert vocab_size > BYTES
    tokenizer = tokenizers.Tokenizer(models.BPE())
    words = pre_tokenizers.Split(tokenizers.Regex(_WORDS), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    found = tokenizer.get_vocab_size()
    if found < vocab_size:
        raise DataError(
            f"the text has pieces for {found:,} tokens only, but base.vocab_size is {vocab_size:,}. "
            f"Set base.vocab_size: {found} or less, or add text."
        )
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=True) + "\n")
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": END_OF_TEXT,
            "eos_token": END_OF_TEXT,
            "clean_up_tokenization_spaces": False,
            "add_prefix_space": False,
        },
    )
