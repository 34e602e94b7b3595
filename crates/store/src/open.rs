//! Opening the database: its settings, its migrations, its health, and which runs an
//! earlier process left behind.

use crate::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: u32 = 4;
/// Up to this size the whole file is checked when it is opened (about 0.1 s);
/// damage in a larger one is reported when a statement meets it.
const CHECKED_BYTES_MAX: u64 = 128 << 20;

/// A workspace's database. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: SqlitePool,
    path: Arc<Path>,
    /// Held, shared, while the database is open: see `interrupt_left_behind`.
    _alive: Arc<File>,
}

impl Store {
    /// Opens or creates the database and brings it up to this version. Runs that a killed
    /// process left running are marked interrupted.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let (alive, alone) = lock(path)?;
        let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode a committed transaction survives a killed process; only a
            // power failure may lose the last ones, and none of them in part.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // Without it, INSERT OR REPLACE deletes rows behind the triggers' backs.
            .pragma("recursive_triggers", "ON")
            .optimize_on_close(true, None);
        let fault = |error| StoreError::from_sqlx(path, error);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(fault)?;
        if bytes > 0 && bytes <= CHECKED_BYTES_MAX {
            check_health(&pool, path).await?;
        }
        migrate(&pool, path).await?;
        let store = Store {
            pool,
            path: path.into(),
            _alive: Arc::new(alive),
        };
        if alone {
            store.interrupt_left_behind().await?;
        }
        Ok(store)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends all connections; the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn fault(&self, error: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(&self.path, error)
    }

    pub(crate) fn unreadable(&self, what: &str, detail: impl ToString) -> StoreError {
        StoreError::Unreadable {
            path: self.path.to_path_buf(),
            what: what.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// Renames a database that cannot be used, with its side files, and returns its new name.
pub fn move_aside(path: &Path, now_ms: i64) -> Result<PathBuf, StoreError> {
    let kept = with_suffix(path, &format!(".kept-{now_ms}"));
    for side in ["-wal", "-shm", ""] {
        let from = with_suffix(path, side);
        if from.exists() {
            std::fs::rename(&from, with_suffix(&kept, side)).map_err(|error| StoreError::File {
                path: from.clone(),
                detail: format!("cannot be moved aside: {error}"),
            })?;
        }
    }
    Ok(kept)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Tells whether any other process (or window) has this database open. Every opener holds
/// a shared lock on a file beside it, which the system drops even when the process is
/// killed: who gets the exclusive lock is alone, and what is marked running is dead.
fn lock(path: &Path) -> Result<(File, bool), StoreError> {
    let lock_path = with_suffix(path, ".lock");
    let file_error = |error: std::io::Error| StoreError::File {
        path: lock_path.clone(),
        detail: format!("cannot be used as the database's lock: {error}"),
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&lock_path)
        .map_err(file_error)?;
    let alone = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => return Err(file_error(error)),
    };
    if alone {
        file.unlock().map_err(file_error)?;
    }
    file.lock_shared().map_err(file_error)?;
    Ok((file, alone))
}

async fn check_health(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .map_err(|error| StoreError::from_sqlx(path, error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupted {
        path: path.to_owned(),
        detail: found,
    })
}

async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    match MIGRATIONS.run(pool).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(version)) => Err(StoreError::Newer {
            path: path.to_owned(),
            version,
            known,
        }),
        Err(MigrateError::Execute(error)) => Err(StoreError::from_sqlx(path, error)),
        // A migration of another content under a known number, or half of one: written
        // by some other program or a development version.
        Err(error) => Err(StoreError::Corrupted {
            path: path.to_owned(),
            detail: error.to_string(),
        }),
    }
}
