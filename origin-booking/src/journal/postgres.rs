//! The journal on PostgreSQL. Who writes holds a lease of seconds on the database's own clock; the lease's epoch is
//! checked, and the lease renewed, in the statement that keeps the facts. One round trip a batch.
//!
//! The connection lives on a runtime of its own that runs while something is asked, so that every answer has a deadline
//! even where the server is frozen.

use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row, Statement};

use super::{Database, Epoch, Journal, JournalError, Kept, MAX_READ, Seq, kept, text_of};
use crate::shop::Sale;
use crate::shop::fact::Fact;

/// After this, a writer that says nothing may be replaced.
const LEASE: &str = "3 seconds";
/// Longest wait for any answer: less than the lease, so that a writer knows that it is in trouble before it is replaced.
const DEADLINE: Duration = Duration::from_millis(2_500);
/// Snapshots and long reads may take longer; they are made by whoever is not writing.
const LONG_DEADLINE: Duration = Duration::from_secs(60);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS booking_journal (seq BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, fact TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS booking_snapshot (seq BIGINT PRIMARY KEY, sale TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS booking_writer (one INT PRIMARY KEY CHECK (one = 1), epoch BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL);
    INSERT INTO booking_writer VALUES (1, 0, '-infinity') ON CONFLICT DO NOTHING;
";
/// Two that start at once would make the same tables.
const SCHEMA_LOCK: &str = "SELECT pg_advisory_lock(7346021955)";
const SCHEMA_UNLOCK: &str = "SELECT pg_advisory_unlock(7346021955)";

pub(crate) struct Postgres {
    runtime: Runtime,
    address: String,
    config: Config,
    /// `None` after a connection broke; made again when it is needed.
    client: Option<Connected>,
    /// Of this process: it may take its own lease again before it ran out.
    epoch: Epoch,
    #[cfg(test)]
    pub(crate) probe: super::tests::Probe,
}

/// A connection, with the statements that it knows: each of the few in this file is prepared once.
struct Connected {
    client: Client,
    prepared: HashMap<String, Statement>,
}

impl Connected {
    async fn query(&mut self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        if let Some(known) = self.prepared.get(statement) {
            return self.client.query(known, values).await;
        }
        let new = self.client.prepare(statement).await?;
        let rows = self.client.query(&new, values).await;
        self.prepared.insert(statement.to_owned(), new);
        rows
    }
}

pub(super) fn is_address(address: &str) -> bool {
    address
        .parse::<Config>()
        .is_ok_and(|config| !config.get_hosts().is_empty())
}

impl Postgres {
    pub(crate) fn open(address: &str) -> Result<Postgres, JournalError> {
        let away = |error: &dyn std::fmt::Display| JournalError::Away(error.to_string());
        let mut config: Config = address.parse().map_err(|error| away(&error))?;
        // A commit is on the disk when it is acknowledged, whatever the server's default is.
        config
            .options("-c synchronous_commit=on -c statement_timeout=60000 -c idle_in_transaction_session_timeout=5000");
        config.application_name("stanchion-booking").connect_timeout(DEADLINE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| away(&error))?;
        let mut journal = Postgres {
            runtime,
            address: address.to_owned(),
            config,
            client: None,
            epoch: 0,
            #[cfg(test)]
            probe: super::tests::no_probe(),
        };
        for script in [SCHEMA_LOCK, SCHEMA, SCHEMA_UNLOCK] {
            journal.run(script)?;
        }
        Ok(journal)
    }

    fn run(&mut self, script: &str) -> Result<(), JournalError> {
        self.connect()?;
        let Some(connected) = &self.client else {
            return Err(gone());
        };
        let done = self
            .runtime
            .block_on(async { tokio::time::timeout(DEADLINE, connected.client.batch_execute(script)).await });
        self.judge(done)
    }

    fn query(
        &mut self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
        within: Duration,
    ) -> Result<Vec<Row>, JournalError> {
        self.connect()?;
        let Some(connected) = &mut self.client else {
            return Err(gone());
        };
        let done = self
            .runtime
            .block_on(async { tokio::time::timeout(within, connected.query(statement, values)).await });
        self.judge(done)
    }

    fn connect(&mut self) -> Result<(), JournalError> {
        if self.client.as_ref().is_some_and(|known| !known.client.is_closed()) {
            return Ok(());
        }
        let config = &self.config;
        let connected = self
            .runtime
            .block_on(async { tokio::time::timeout(DEADLINE, config.connect(NoTls)).await });
        let (client, connection) = match connected {
            Ok(Ok(both)) => both,
            // Nothing was asked yet: nothing can have been kept.
            Ok(Err(error)) => return Err(JournalError::Away(error.to_string())),
            Err(_) => return Err(JournalError::Away("it does not answer".to_owned())),
        };
        self.runtime.spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "the connection to the database broke");
            }
        });
        let prepared = HashMap::new();
        self.client = Some(Connected { client, prepared });
        Ok(())
    }

    /// What the server refused was not done. What it did not answer may have been.
    fn judge<T>(&mut self, done: Result<Result<T, Error>, tokio::time::error::Elapsed>) -> Result<T, JournalError> {
        let error = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => {
                self.client = None;
                return Err(JournalError::Unknown("no answer in time".to_owned()));
            }
        };
        let text = error
            .as_db_error()
            .map_or_else(|| error.to_string(), |known| known.message().to_owned());
        match error.code() {
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => Err(JournalError::Fenced),
            Some(code) if is_final(code) => Err(JournalError::Away(text)),
            _ => {
                self.client = None;
                Err(JournalError::Unknown(text))
            }
        }
    }
}

/// Whether the server rolled the statement back for certain. Shutdowns (class 57) and "completion unknown" are not.
fn is_final(code: &SqlState) -> bool {
    !code.code().starts_with("57")
        && !code.code().starts_with("08")
        && *code != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
}

fn gone() -> JournalError {
    JournalError::Away("there is no connection".to_owned())
}

impl Journal for Postgres {
    fn snapshot(&mut self) -> Result<Option<(Seq, Sale)>, JournalError> {
        let query = "SELECT seq, sale FROM booking_snapshot ORDER BY seq DESC";
        for row in self.query(query, &[], LONG_DEADLINE)? {
            let (seq, text): (Seq, String) = (row.get(0), row.get(1));
            match serde_json::from_str(&text) {
                Ok(sale) => return Ok(Some((seq, sale))),
                Err(error) => tracing::error!(seq, %error, "a snapshot cannot be read; trying the one before"),
            }
        }
        Ok(None)
    }

    fn read(&mut self, after: Seq) -> Result<Vec<Kept>, JournalError> {
        let query = "SELECT seq, epoch, fact FROM booking_journal WHERE seq > $1 ORDER BY seq LIMIT $2";
        let rows = self.query(query, &[&after, &MAX_READ], DEADLINE)?;
        rows.iter()
            .map(|row| kept(row.get(0), row.get(1), row.get(2)))
            .collect()
    }

    fn lead(&mut self) -> Result<Option<Epoch>, JournalError> {
        // Waits for the row where a commit of the epoch before is still under way: afterwards it is known.
        let take = format!(
            "UPDATE booking_writer SET epoch = epoch + 1, until = clock_timestamp() + interval '{LEASE}'
             WHERE until < clock_timestamp() OR epoch = $1 RETURNING epoch"
        );
        let mine = self.epoch;
        let rows = self.query(&take, &[&mine], DEADLINE)?;
        let epoch = rows.first().map(|row| row.get(0));
        self.epoch = epoch.unwrap_or(self.epoch);
        Ok(epoch)
    }

    fn renew(&mut self, epoch: Epoch) -> Result<(), JournalError> {
        let renew = format!(
            "UPDATE booking_writer SET until = clock_timestamp() + interval '{LEASE}' WHERE epoch = $1 RETURNING 1"
        );
        match self.query(&renew, &[&epoch], DEADLINE)?.is_empty() {
            true => Err(JournalError::Fenced),
            false => Ok(()),
        }
    }

    fn resign(&mut self, epoch: Epoch) {
        let resign = "UPDATE booking_writer SET until = '-infinity' WHERE epoch = $1";
        if let Err(error) = self.query(resign, &[&epoch], DEADLINE) {
            tracing::warn!(%error, "the lease could not be given back; it runs out by itself");
        }
        self.epoch = 0;
    }

    fn commit(&mut self, epoch: Epoch, first: Seq, facts: &[Fact]) -> Result<(), JournalError> {
        #[cfg(test)]
        (self.probe)(super::tests::Step::Begin)?;
        let facts = facts.iter().map(text_of).collect::<Result<Vec<_>, _>>()?;
        let keep = format!(
            "WITH mine AS (UPDATE booking_writer SET until = clock_timestamp() + interval '{LEASE}' WHERE epoch = $1 RETURNING 1),
             kept AS (INSERT INTO booking_journal (seq, epoch, fact)
                      SELECT $2 + place - 1, $1, fact FROM unnest($3::text[]) WITH ORDINALITY AS given (fact, place)
                      WHERE EXISTS (SELECT 1 FROM mine))
             SELECT 1 FROM mine"
        );
        let rows = self.query(&keep, &[&epoch, &first, &facts], DEADLINE)?;
        if rows.is_empty() {
            return Err(JournalError::Fenced);
        }
        #[cfg(test)]
        (self.probe)(super::tests::Step::Committed)?;
        Ok(())
    }

    fn database(&self) -> Database {
        Database::Postgres(self.address.clone())
    }

    fn keep_snapshot(&mut self, seq: Seq, sale: &Sale) -> Result<(), JournalError> {
        let text = text_of(sale)?;
        let insert = "INSERT INTO booking_snapshot (seq, sale) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.query(insert, &[&seq, &text], LONG_DEADLINE)?;
        let tidy = "DELETE FROM booking_snapshot WHERE seq NOT IN (SELECT seq FROM booking_snapshot ORDER BY seq DESC LIMIT 2)";
        self.query(tidy, &[], DEADLINE)?;
        Ok(())
    }
}
