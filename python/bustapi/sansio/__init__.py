"""Registration and configuration without input and output."""
