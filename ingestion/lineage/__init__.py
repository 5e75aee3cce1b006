"""What each model computes, column by column: read from its SQL, without a warehouse."""
