"""How far a label tells contexts in which its feature fires from those in which it is silent."""
