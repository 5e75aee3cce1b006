"""What readers see: all marts of one audited version at once."""
