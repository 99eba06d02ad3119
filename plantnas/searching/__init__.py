"""How a study is made, and what a trial of it does: preparing, proposals, the objective."""
