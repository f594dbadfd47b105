"""The form that Prefect's UI makes of a flow's parameters."""

from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from flows.benchmark import benchmark
from flows.scheduled import benchmark_file
from lungbench.experiment import Experiment


@pytest.mark.parametrize("flow", [benchmark, benchmark_file], ids=lambda flow: flow.name)
def test_every_parameter_of_a_deployment_is_described(flow: Flow[Any, Any]) -> None:
    parameters = parameter_schema(flow).properties
    assert "results" in parameters
    assert [name for name, each in parameters.items() if not each.get("description")] == []


def test_the_form_of_on_demand_holds_an_experiment_as_it_describes_itself() -> None:
    whole = Experiment.model_json_schema(ref_template="#/definitions/{model}")
    tables = whole.pop("$defs")
    assert parameter_schema(benchmark).definitions == tables | {"Experiment": whole}
