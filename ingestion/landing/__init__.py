"""What is there: listing a landing zone and fetching its files, from a folder or a bucket."""
