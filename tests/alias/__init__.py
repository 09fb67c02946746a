"""What stands in for Flask when a program asks for it by name."""
