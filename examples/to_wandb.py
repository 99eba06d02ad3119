"""The curves of a search, epoch by epoch, and its front, in Weights & Biases."""

import torch
import wandb
from sklearn.datasets import load_digits

import plantnas


class Tracker:
    """Logs what a search tells of into a run of Weights & Biases."""

    def __init__(self, run: wandb.Run) -> None:
        self.run = run
        run.define_metric("*", step_metric="epoch")

    def epoch(self, progress: plantnas.TrainingProgress) -> None:
        """A point of the curves of whatever is trained."""
        if progress.loss is None or progress.validation is None:
            return  # the teacher's logits
        what = progress.kind if progress.trial is None else f"{progress.kind}-{progress.trial}"
        measured = {f"{what}/loss": progress.loss, f"{what}/{progress.metric}": progress.validation}
        self.run.log({"epoch": progress.epoch, **measured})

    def front(self, result: plantnas.SearchResult) -> None:
        """The networks that no smaller one beats."""
        front = result.front.astype({"step": float}).reset_index()
        self.run.log({"front": wandb.Table(dataframe=front)})


if __name__ == "__main__":
    pixels, targets = map(torch.tensor, load_digits(return_X_y=True))
    images = pixels.float().view(-1, 1, 8, 8)
    train, validation = (images[:300], targets[:300]), (images[300:500], targets[300:500])
    model = plantnas.build_network("plain-small", 10, 1)
    config = {
        "teacher": {"epochs": 3},
        "seed": {"epochs": 3},
        "planting": {"epochs": 2, "screen_epochs": 1},
        "search": {"steps": 1, "trials_per_step": 1, "probes": 0},
    }
    with wandb.init(mode="offline") as run:  # `wandb sync` sends it later
        tracker = Tracker(run)
        result = plantnas.search(
            model, train, validation, config=config, epoch_callbacks=[tracker.epoch]
        )
        tracker.front(result)
