"""From a saved network and image files to probabilities, with nobody's code run on the way.

A model file is never loaded where it lies: it is copied into a private folder, hashed on the way
(`model_file`), looked through without Keras (`archive`, `config`) and loaded by a process that
may do little else (`child`, `confinement`, `network`). A record of one's own results (`trust`)
spares the user a question and adds what is known of the model; it takes no protection away.
"""
