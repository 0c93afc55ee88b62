"""Training of the three models on specimen pools, and their export. Never part of the wheel; nothing imports it."""
