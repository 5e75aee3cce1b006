"""dbt builds the candidate marts and audits them; readers see nothing of it."""
