"""What runs before the app: guards, chaining, the import finder."""
