//! What made the tables as they are, step by step, in both dialects side by side; none is ever changed.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::StoreError;

/// One step, as either database understands it.
struct Step {
    version: i64,
    description: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// The step of a file that stands in both folders.
macro_rules! step {
    ($version:literal, $description:literal, $file:literal) => {
        Step {
            version: $version,
            description: $description,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
        }
    };
}

const STEPS: &[Step] = &[
    step!(1, "lists and journal", "0001_lists_and_journal.sql"),
    step!(2, "brake and dispatch", "0002_brake_and_dispatch.sql"),
    step!(3, "quotas", "0003_quotas.sql"),
    step!(4, "readers' side", "0004_readers_side.sql"),
    step!(5, "keys", "0005_keys.sql"),
    step!(6, "confirmations", "0006_confirmations.sql"),
    step!(7, "tracking then", "0007_tracking_then.sql"),
    step!(8, "notifications", "0008_notifications.sql"),
    step!(9, "robots of nobody", "0009_robots_of_nobody.sql"),
    step!(10, "confirmations of all lists", "0010_confirmations_of_all_lists.sql"),
    step!(11, "postponed", "0011_postponed.sql"),
];

pub(super) fn sqlite() -> Migrator {
    Migrator::with_migrations(STEPS.iter().map(|step| step.migration(step.sqlite)).collect())
}

/// The migrator takes a lock of the database's while it works.
pub(super) fn postgres() -> Migrator {
    Migrator::with_migrations(STEPS.iter().map(|step| step.migration(step.postgres)).collect())
}

impl Step {
    fn migration(&self, sql: &'static str) -> Migration {
        let Self { version, description, .. } = *self;
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    }
}

/// Why a store's tables could not be brought up to date.
pub(super) fn failed(error: MigrateError, store: impl Into<String>) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            StoreError::Newer { store: store.into() }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        source => StoreError::Migrate { store: store.into(), source },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A migration that one dialect lacks does not compile, and one that the list lacks fails here.
    #[test]
    fn every_file_of_either_dialect_is_a_step() {
        let files = |dialect: &str| -> BTreeSet<String> {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect()
        };
        assert_eq!(files("sqlite"), files("postgres"));
        let numbers = files("sqlite").into_iter().map(|name| name[..4].parse().unwrap());
        let steps: Vec<i64> = STEPS.iter().map(|step| step.version).collect();
        assert_eq!(numbers.collect::<Vec<i64>>(), steps);
    }
}
