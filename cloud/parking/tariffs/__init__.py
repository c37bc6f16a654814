"""What parking costs: tariff versions and the pure rules that turn time into money."""
