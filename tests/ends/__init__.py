"""How soon the processes of a real installation end while the tiers they share are hung, beside stock's."""
