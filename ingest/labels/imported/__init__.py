"""Labels that others made: Neuronpedia's bulk export, delphi's explanations, CSV."""
