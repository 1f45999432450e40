"""Published runs beside what the planner says of them."""
