"""The memory of activations, from when to when."""

import torch

from plantnas.channels.liveness import Liveness


def lives(liveness: Liveness) -> list[tuple[int, int]]:
    return [(life.made, life.used) for life in liveness.lives]


def test_an_activation_lives_from_its_making_to_its_last_use():
    liveness, (one, two, three) = Liveness(), (torch.zeros(2, device="meta") for _ in range(3))
    liveness.note([], [one])
    liveness.note([one], [two])
    liveness.note([one, two], [three])
    assert lives(liveness) == [(1, 3), (2, 3), (3, 3)]


def test_a_view_and_what_is_done_in_place_are_one_with_what_they_are_of():
    liveness, one = Liveness(), torch.zeros(4, device="meta")
    liveness.note([], [one])
    liveness.note([one], [one.relu_()])
    liveness.note([one], [one[2:]])
    assert lives(liveness) == [(1, 3)]


def test_what_is_no_activation_does_not_count():
    liveness, weight = Liveness(), torch.zeros(2, device="meta")
    liveness.note([weight], [torch.zeros(2, device="meta")])
    assert lives(liveness) == [(1, 1)]


def test_what_has_no_storage_is_one_by_itself():
    liveness = Liveness()

    def noted(one):
        liveness.note([], [one])
        liveness.note([one], [])
        return one

    torch.vmap(noted)(torch.zeros(2, 3))
    assert lives(liveness) == [(1, 2)]
