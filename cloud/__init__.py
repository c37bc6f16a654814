"""The service: accounts, devices, parking and the exchange, over REST, WebSocket and MQTT."""
