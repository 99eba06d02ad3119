"""What a study recorded as pandas frames, and as files of them."""
