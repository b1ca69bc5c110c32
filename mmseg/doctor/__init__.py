"""What a machine can do for this project, tried and not guessed: one file a kind of question."""
