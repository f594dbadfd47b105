"""`prefect deploy --all`, which keeps the schedules and parameters that people set in the UI.

Prefect alone puts those of `prefect.yaml` in their place: after every start or upgrade the nightly
run would be switched off again, and train on other images.

`python -m flows.deploying` deploys the `prefect.yaml` of its folder to the server that
`PREFECT_API_URL` names. `prefect --no-prompt deploy --all` is the way back to what the file says.
"""

import subprocess
import sys

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleUpdate, DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse

from flows.queues import OURS

_DEPLOY = (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all")
_SCHEDULE = {"schedule", "active", "slug", "parameters", "max_scheduled_runs"}


def deploy() -> int:
    """Deploy what the file names; return Prefect's exit code."""
    with get_client(sync_client=True) as client:
        before = client.read_deployments(deployment_filter=OURS)
        if code := subprocess.run(_DEPLOY, check=False).returncode:
            return code
        for each in before:
            now = client.read_deployment(each.id)
            client.update_deployment(each.id, _as_it_was(each, now))
    return 0


def _as_it_was(before: DeploymentResponse, now: DeploymentResponse) -> DeploymentUpdate:
    taken = (now.parameter_openapi_schema or {}).get("properties", {})
    kept = {name: value for name, value in before.parameters.items() if name in taken}
    return DeploymentUpdate(
        parameters={**now.parameters, **kept},
        paused=before.paused,
        schedules=[
            DeploymentScheduleUpdate(**schedule.model_dump(include=_SCHEDULE))
            for schedule in before.schedules
        ],
    )


if __name__ == "__main__":
    sys.exit(deploy())
