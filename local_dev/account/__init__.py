"""What a Snowflake account allows: the set-up, and what a statement needs."""
