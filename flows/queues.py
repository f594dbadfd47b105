"""The queues of the deployments: one execution of each at a time, the next one waits its turn.

A limit of a queue is only looked at when a worker asks what to begin. That of a deployment would
be a slot that each run must renew on the server every few minutes, and Prefect ends a run that
can't: a server that is away at such a moment would end days of training (docs/decisions.md).

`python -m flows.queues` sets the limits on the server that `PREFECT_API_URL` names, once
`prefect.yaml` is deployed there.
"""

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

OURS = DeploymentFilter(tags=DeploymentFilterTags(all_=["lungbench"]))


def limit_queues() -> None:
    """Let each queue that has the name of its deployment begin one run at a time.

    A limit that somebody has set stays.
    """
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments(deployment_filter=OURS):
            if deployment.work_pool_name and deployment.work_queue_name == deployment.name:
                queue = client.read_work_queue_by_name(deployment.name, deployment.work_pool_name)
                if queue.concurrency_limit is None:
                    client.update_work_queue(queue.id, concurrency_limit=1)


if __name__ == "__main__":
    limit_queues()
