"""What the studio can do, without a page or a command line: floors 1 to 3 of the house."""
