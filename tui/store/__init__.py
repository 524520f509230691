"""SQLite: schema, migrations, queries; nobody else writes SQL."""
