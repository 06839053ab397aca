"""Models in worker processes beside the server: type a sentence, see what fires; labels by their meaning."""
