"""What gateways of one workspace tell each other."""
