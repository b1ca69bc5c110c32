"""What the commands of tools/ do, apart from their options: --help of a command needs nothing of it."""
