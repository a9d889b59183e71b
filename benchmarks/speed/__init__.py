"""How fast and lean the service is, beside what could be had instead; `make bench`."""
