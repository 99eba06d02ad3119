"""Networks of a study as files for elsewhere: which one, in which format."""
