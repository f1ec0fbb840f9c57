"""How this repository makes its environments and runs its checks, before anything is installed."""
