"""The downstream benchmark: what synthetic images bring, by data set, labels, arm, generator, share and seed."""
