"""The ways of sharing a model among cards, one file each: within a layer, by layers, by states."""
