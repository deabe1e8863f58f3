"""Many accounts, every night, in sixteen parts: one mapped task a part, each in a pod with a volume of its own.

Copy this file into the DAGs folder (Airflow 2.7 or newer, or 3, with apache-airflow-providers-cncf-kubernetes). It expects in
NAMESPACE: the Secret `qpien-accounts` and the ConfigMap `qpien-jobs` of jobs/kubernetes/shards.yaml, and a claim a part,
`qpien-shard-0` ... `qpien-shard-15` (ReadWriteOnce will do), where that part's mirrors lie from night to night.

Airflow's map index is counted from 0, as `--shard` is. An account's part follows from its name: adding one moves no other,
changing SHARDS moves nearly all, so move the mirrors along or have them read anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow import DAG
from airflow.exceptions import AirflowException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

try:
    from airflow.sdk.exceptions import AirflowFailException  # Airflow 3
except ImportError:
    from airflow.exceptions import AirflowFailException

SHARDS = 16
NAMESPACE = "qpien"
IMAGE = "qpien-sync:0.1.0"

# A wrong setting (2), key (5) or mirror (7) is the same an hour later: it needs a person, at once. Everything else is worth
# another attempt, which goes on where the last one ended: 1 failed, 3 not all proven, 4 stopped, 6 API unavailable,
# 11 another run is there.
NEEDS_A_PERSON = {2, 5, 7}


def exit_code(pod, container: str):
    """The exit code of the pod's container; None where nobody knows it (the node went away)."""
    for status in (pod and pod.status and pod.status.container_statuses) or []:
        if status.name == container and status.state and status.state.terminated:
            return status.state.terminated.exit_code
    return None


class QpienSync(KubernetesPodOperator):
    """A pod whose exit code decides whether another attempt makes sense."""

    def cleanup(self, pod, remote_pod, *args, **kwargs):
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException as error:
            code = exit_code(remote_pod, self.base_container_name)
            if code in NEEDS_A_PERSON:
                raise AirflowFailException(f"qpien-sync ended with exit code {code}; the pod's log says why") from error
            raise


with DAG(
    dag_id="qpien_sync",
    description="Every account's change of the day, out of Qpien",
    schedule="0 2 * * *",
    start_date=datetime(2025, 1, 1),
    catchup=False,  # a missed night is not made up for: the next one reads what has changed since
    max_active_runs=1,  # a mirror has one writer
    tags=["qpien"],
) as dag:
    QpienSync.partial(
        task_id="shard",
        namespace=NAMESPACE,
        image=IMAGE,
        cmds=["qpien-sync"],
        env_from=[k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name="qpien-accounts"))],
        env_vars={"QPIEN_STATE_DIR": "/data/budget"},
        volumes=[
            k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource()),
            k8s.V1Volume(
                name="data",
                persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                    claim_name="qpien-shard-{{ ti.map_index }}"
                ),
            ),
            k8s.V1Volume(name="jobs", config_map=k8s.V1ConfigMapVolumeSource(name="qpien-jobs")),
        ],
        volume_mounts=[
            k8s.V1VolumeMount(name="tmp", mount_path="/tmp"),  # deliveries are sorted there
            k8s.V1VolumeMount(name="data", mount_path="/data"),
            k8s.V1VolumeMount(name="jobs", mount_path="/etc/qpien", read_only=True),
        ],
        security_context=k8s.V1PodSecurityContext(run_as_non_root=True, run_as_user=10001, fs_group=10001),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "200m", "memory": "256Mi"}, limits={"memory": "1Gi"}
        ),
        automount_service_account_token=False,
        termination_grace_period=60,  # SIGTERM stops at a page boundary
        retries=3,
        retry_delay=timedelta(minutes=15),
        max_active_tis_per_dag=4,  # parts at a time
    ).expand(
        arguments=[
            ["run", "--log-format", "json", "--shard", f"{shard}/{SHARDS}", "/etc/qpien/many-accounts.toml"]
            for shard in range(SHARDS)
        ]
    )
