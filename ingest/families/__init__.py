"""Which features belong together: neighbours, clusters, a map, and the same feature in another SAE."""
