"""Calls that checkers of types must refuse, one a line that ends in the word wrong."""

import numpy as np

import fastconv

x = np.zeros((1, 8, 8, 2), np.float32)
kernel = np.zeros((3, 3, 2, 4), np.float32)

fastconv.nonexistent()  # wrong
fastconv.conv2d(x)  # wrong
fastconv.conv2d(x, kernel, None, 2)  # wrong
fastconv.conv2d(x, kernel, stride=2)  # wrong
fastconv.conv2d(x, kernel, padding="sane")  # wrong
fastconv.conv2d(x, kernel, padding=1.5)  # wrong
fastconv.conv2d(x, kernel, activation="rely")  # wrong
fastconv.conv2d(x, kernel, data_format="NHWC")  # wrong
fastconv.conv2d(x, kernel, out=[[1.0]])  # wrong
fastconv.max_pool2d(x, 2.5)  # wrong
fastconv.relu(x, max_value="six")  # wrong
fastconv.convolve2d(x[0, 0], x[0, 0], "some")  # wrong
fastconv.convolve2d(x[0, 0], x[0, 0], boundary="reflect101")  # wrong
fastconv.filter2d(x[0], x[0, 0], border="blurred")  # wrong
fastconv.set_num_threads("two")  # wrong
fastconv.threads()  # wrong
x.shape + fastconv.conv2d(x, kernel).shape.missing  # wrong
