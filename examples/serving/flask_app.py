"""A network in a Flask program with threads, which share its weights and packed kernels and compute at the same time.

pip install fastconv[serve] flask gunicorn; MODEL=lenet.keras gunicorn --threads 8 flask_app:app
"""

import os

import numpy as np
from flask import Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import fastconv
import fastconv.serve

net = fastconv.load(os.environ["MODEL"])
app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1 << 20
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/model": fastconv.serve.wsgi(net, "digits")})


@app.post("/digit")
def digit():
    """The class of one image, a list of rows in JSON."""
    try:
        probabilities = net(np.array(request.get_json(), np.float32)[np.newaxis, :, :, np.newaxis])
    except (ValueError, TypeError, IndexError) as error:
        return {"error": str(error)}, 422
    return {"digit": int(probabilities[0].argmax())}
