"""Seeds and generators that derive from a study's one random seed."""

import hashlib

import torch


def derived_seed(random_seed: int, *purpose: object) -> int:
    """A seed for one purpose: equal for equal arguments, unrelated for others."""
    text = repr((random_seed, *purpose)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def generator_for(random_seed: int, *purpose: object) -> torch.Generator:
    """A CPU generator seeded by `derived_seed`."""
    return torch.Generator().manual_seed(derived_seed(random_seed, *purpose))
