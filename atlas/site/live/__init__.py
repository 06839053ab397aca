"""Type a sentence, see what fires: the model in a worker process beside the server."""
