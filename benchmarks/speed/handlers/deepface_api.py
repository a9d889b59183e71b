"""deepface's own REST service, with random weights of the right shapes, on a cropped face.

Its default detector's files are not in its wheels and cannot be downloaded here: requests skip
detection, which is in its favour.
"""

from apig_wsgi import make_lambda_handler
from deepface.api.src.app import create_app

handler = make_lambda_handler(create_app(), binary_support=True)
