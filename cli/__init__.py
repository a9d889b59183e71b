"""The ``ethnicity`` command: the service's answers without the service."""
