from stubbed import DAG  # noqa: F401
