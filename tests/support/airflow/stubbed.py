"""What jobs/airflow needs of Airflow and of its provider for Kubernetes, in the words of their documentation: enough to see
which tasks a DAG has and which exit codes end it. Airflow itself is half a gigabyte."""

from types import SimpleNamespace as Object

MAPPED = []


class AirflowException(Exception):
    pass


class AirflowFailException(AirflowException):
    pass


class DAG:
    def __init__(self, *, dag_id, description, schedule, start_date, catchup, max_active_runs, tags):
        assert max_active_runs == 1, "a mirror has one writer"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class KubernetesPodOperator:
    base_container_name = "base"

    def __init__(self, **arguments):
        self.arguments = arguments

    @classmethod
    def partial(cls, **arguments):
        def expand(**mapped):
            MAPPED.append(Object(partial=arguments, expand=mapped))

        return Object(expand=expand)

    def cleanup(self, pod, remote_pod, xcom_result=None, context=None):
        if remote_pod.status.phase != "Succeeded":
            raise AirflowException("Pod returned a failure.")


def pod(code):
    """A pod that has ended with this exit code."""
    state = Object(terminated=Object(exit_code=code))
    statuses = [Object(name="base", state=state)]
    return Object(status=Object(phase="Failed" if code else "Succeeded", container_statuses=statuses))
