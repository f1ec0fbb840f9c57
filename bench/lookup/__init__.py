"""What the suite `lookup` stores, and the races it puts caches to."""
