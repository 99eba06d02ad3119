"""The networks that planting is compared to: channel pruning, training from scratch, plain search.

They are made here and recorded in the study's database; reading and comparing them is in report/.
And a network of the study is finished here: at its widths, trained whole, as a baseline would be.
"""

RATES = (0.005, 0.01, 0.02, 0.04)
"""The learning rates that a baseline is tuned over, unless the user names others."""
