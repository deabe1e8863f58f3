from stubbed import KubernetesPodOperator  # noqa: F401
