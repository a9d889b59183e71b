"""The HTTP function: POST /predict and its companions, behind API Gateway or on localhost."""
