"""The HTTP function: POST /predict and the other routes, behind API Gateway or on localhost."""
