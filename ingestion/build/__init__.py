"""dbt builds the candidate marts and audits them; readers see none of it."""
