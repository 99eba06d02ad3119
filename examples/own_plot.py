"""A plot of your own: the size of every network that was recorded, in the order of their making."""

import plotly.graph_objects as go

from plantnas.report.study_data import StudyData


def sizes(recorded: StudyData) -> go.Figure:
    """A bar a network."""
    networks = recorded.networks
    bars = go.Bar(x=[each.id for each in networks], y=[each.parameters for each in networks])
    layout = {"xaxis_title": "network", "yaxis_title": "parameters", "title": recorded.name}
    return go.Figure(bars, layout)
