"""What a presented card says: ISO 14443-3A, MIFARE Classic, NTAG21x and the Level 1 counter."""
