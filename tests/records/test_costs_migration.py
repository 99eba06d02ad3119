"""What networks of a study cost that is older than the table of costs."""

import optuna
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from plantnas.records.database import Database
from plantnas.records.migrations.upgrade import upgrade_database
from plantnas.records.study import StudyRecords


def test_costs_of_a_study_that_trades_accuracy_for_another_cost_are_those_of_its_trials(
    url: str,
) -> None:
    study = optuna.create_study(storage=url, directions=["maximize", "minimize"])
    study.add_trial(optuna.trial.create_trial(values=[0.5, 77.5]))
    study.set_user_attr("seed_cost", 12.5)
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", "plantnas.records:migrations")
    network = "INSERT INTO plantnas_networks VALUES ({}, 1, {}, NULL, {}, 10, 20, NULL, NULL, :now)"
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for row in (
            "INSERT INTO plantnas_studies VALUES "
            "(1, 'old', 1, :configuration, '', 'weights', '{}', '{}', :now)",
            network.format(1, "'seed', NULL, NULL", 0),
            network.format(2, "'planting', 'grow', 0", 1),
        ):
            values = {"now": "2026-01-02 03:04:05.000000"}
            if ":configuration" in row:
                values["configuration"] = '{"search": {"cost": "mine:cost"}}'
            connection.execute(text(row), values)
    engine.dispose()
    upgrade_database(url)
    networks = StudyRecords(Database(url), "old").networks()
    assert [(record.cost_name, record.cost) for record in networks] == [
        ("mine:cost", 12.5),
        ("mine:cost", 77.5),
    ]
