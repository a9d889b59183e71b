"""The HTTP API as an ASGI application: routes, bodies, faults and the pages."""
