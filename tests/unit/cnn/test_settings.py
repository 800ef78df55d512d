"""Types of settings name the keys that the configuration's models resolve."""

from stylevote.cnn.settings import PhaseSetting, RunSetting
from stylevote.config.identity import OMITTED, OMITTED_OF_PHASES
from stylevote.config.runs import Phase, Run


def test_types_have_the_keys_of_the_models():
    assert RunSetting.__annotations__.keys() == Run(backbone="test_resnet").model_dump().keys() | OMITTED.keys()
    phase = Phase(epochs=1, lr=0.1, train="all").model_dump()
    assert PhaseSetting.__annotations__.keys() == phase.keys() | OMITTED_OF_PHASES.keys()
