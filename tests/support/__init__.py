"""What tests share: real engines, and fakes we own."""
