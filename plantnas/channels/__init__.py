"""The structure of a network: its channel groups, and planting, cropping, narrowing and costs.

Nothing here trains.
"""
