"""What a project knows, in a database: tables, transactions, migrations."""
