"""Small reference families, and the loader of architectures by name. Nothing here trains."""
