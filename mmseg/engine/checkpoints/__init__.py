"""States and weights of a run as files: written whole, found again, compared with the run that goes on, passed on."""
