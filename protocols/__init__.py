"""Wire contracts everyone shares: topics, payloads, codes and golden examples."""
