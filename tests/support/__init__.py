"""What tests start or plant faults with; nothing here is a test."""
