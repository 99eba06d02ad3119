"""The call from Python, `plantnas.search`: what it is given, what it runs, what it returns."""
