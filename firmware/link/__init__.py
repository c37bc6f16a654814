"""What joins a gate to its site: Wi-Fi, MQTT over mutual TLS, the event queue, the clock."""
