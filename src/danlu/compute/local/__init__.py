"""A recipe carried out by danlu's own loop on one device: stages, memory, time, and what past runs teach."""
