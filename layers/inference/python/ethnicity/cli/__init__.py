"""The ``ethnicity`` command: the service's answers on this machine."""
