"""The original system as its users describe it: Flask, TensorFlow and a Keras file.

``predict`` calls ``model.predict``, as such systems do. Its weights are not available; random ones
take as long.
"""

import os

import cv2
import keras
import numpy as np
from apig_wsgi import make_lambda_handler
from flask import Flask, Response, jsonify, request

LABELS = ("White", "Black", "Asian", "Indian", "Others")

app = Flask(__name__)
model = keras.models.load_model(os.environ["ORIGINAL_MODEL"])


@app.post("/predict")
def predict() -> Response:
    data = np.frombuffer(request.files["image"].read(), np.uint8)
    picture = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    face = cv2.resize(picture, (64, 64)).astype(np.float32)
    (logits,) = model.predict(face[np.newaxis], verbose=0)
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    best = int(probabilities.argmax())
    return jsonify(ethnicity=LABELS[best], confidence=float(probabilities[best]))


handler = make_lambda_handler(app, binary_support=True)
