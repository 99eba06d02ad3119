"""The curves of a search, epoch by epoch, and its front, in MLflow."""

import mlflow
import torch
from sklearn.datasets import load_digits

import plantnas


class Tracker:
    """Logs what a search tells of into the run of MLflow that is active."""

    def epoch(self, progress: plantnas.TrainingProgress) -> None:
        """A point of the curves of whatever is trained."""
        if progress.loss is None or progress.validation is None:
            return  # the teacher's logits
        what = progress.kind if progress.trial is None else f"{progress.kind}-{progress.trial}"
        measured = {f"{what}/loss": progress.loss, f"{what}/metric": progress.validation}
        mlflow.log_metrics(measured, step=progress.epoch)

    def front(self, result: plantnas.SearchResult) -> None:
        """The networks that no smaller one beats."""
        mlflow.log_table(result.front.reset_index(), "front.json")


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
    tracker = Tracker()
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    with mlflow.start_run():
        result = plantnas.search(
            model, train, validation, config=config, epoch_callbacks=[tracker.epoch]
        )
        tracker.front(result)
