"""One plot of a study a file: its data (info) and its drawing (figure). `plots.py` names them."""
