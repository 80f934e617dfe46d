"""What evaluations measure without target labels, and the alarms raised by it."""
