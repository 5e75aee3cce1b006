"""The public dashboard: reads published marts, and nothing else of this project."""
