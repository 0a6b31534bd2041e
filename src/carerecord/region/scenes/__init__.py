"""The scenes of the tour: a few people told exactly, one file each."""
