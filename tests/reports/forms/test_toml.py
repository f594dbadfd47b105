import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.experiment import Experiment
from reports.forms.toml import experiment_toml

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=60)
@given(
    description=TEXT, source=TEXT.filter(bool), weights=st.sampled_from(["none", {"vgg16": "a"}])
)
def test_an_experiment_written_as_toml_is_the_same_experiment(
    description: str, source: str, weights: str | dict[str, str]
) -> None:
    experiment = Experiment.model_validate(
        {
            "name": "any",
            "description": description,
            "data": {"source": source},
            "train": {"weights": weights},
            "matrix": {"models": ["cnn10", "vgg16"], "devices": ["cpu", "gpu:0"]},
        }
    )
    assert Experiment.model_validate(tomllib.loads(experiment_toml(experiment))) == experiment
