"""The mathematics: point kernels as nopython functions, which know nothing of NumPy's ufuncs, strides or threads."""
