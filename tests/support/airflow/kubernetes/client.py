"""Models of Kubernetes are their arguments here."""


class models:
    V1Capabilities = V1ConfigMapVolumeSource = V1EnvFromSource = V1PersistentVolumeClaimVolumeSource = dict
    V1PodSecurityContext = V1ResourceRequirements = V1SecretEnvSource = V1SecurityContext = dict
    V1EmptyDirVolumeSource = V1Volume = V1VolumeMount = dict
