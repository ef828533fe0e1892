//! Runs SQL for clients: queries over a snapshot, beside the worker; changes on it, as one transaction.

use std::{
    collections::HashSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use orrery_host_abi::{
    ProductType,
    bsatn::{DecodeError, Reader},
};
use tokio::sync::{SemaphorePermit, oneshot};

use crate::{
    database::{Args, CallError, Caller, Database, Stopped},
    query::{
        self, Asker, Changed, Compiled, Limits, Query, QueryError, Relation, Repeats, Rights, Source,
        Sources, ViewRows,
    },
    readers::{self, Recipient, ViewCall, ViewJob},
    running::Running,
    store::{Snapshot, Writer},
    worker::Job,
};

/// Queries that look at no more rows than this are run where they are asked for, which is soonest.
const ROWS_AT_ONCE: u64 = 1000;
/// The stack of a thread on which queries run.
const STACK_BYTES: usize = 2 << 20;

/// What a statement gave.
#[derive(Debug, Clone)]
pub struct SqlResult {
    /// The names and types of the columns; none if the statement is a change.
    pub schema: ProductType,
    /// The rows. BSATN: an array.
    pub rows: Bytes,
    /// How many rows were changed.
    pub changed: Changed,
    /// How long it ran.
    pub duration: Duration,
}

/// Why SQL gave no answer. Nothing has changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqlError {
    /// It makes no sense, it is not allowed, or it went beyond a limit: what is wrong, and where.
    #[error("{0}")]
    Invalid(String),
    /// It did not come so far, or a view that it reads gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<QueryError> for SqlError {
    fn from(error: QueryError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<Stopped> for SqlError {
    fn from(stopped: Stopped) -> Self {
        Self::Call(stopped.into())
    }
}

/// Statements of which at least one is a change, looked up and checked.
#[derive(Debug)]
pub(crate) struct SqlCall {
    /// The program that names were looked up in.
    pub(crate) generation: u64,
    pub(crate) statements: Vec<Compiled>,
    pub(crate) asker: Asker,
    /// Whether the answer waits until the changes are on disk.
    pub(crate) is_confirmed: bool,
}

/// The answer to a [`SqlCall`]; none if another program runs by now.
pub(crate) type SqlReply = oneshot::Sender<Option<Result<Vec<SqlResult>, SqlError>>>;

impl Database {
    /// Runs a text of SQL: one statement, or several separated by semicolons, with a result for each. If one of them
    /// is a change, all are one transaction; else all see the same state. It connects as [`Self::call_once`] does.
    /// `is_confirmed`: whether the answer waits until what it shows is durable.
    pub async fn sql(
        &self,
        caller: &Caller,
        text: &str,
        is_confirmed: bool,
    ) -> Result<Vec<SqlResult>, SqlError> {
        self.shared().check_running()?;
        let statements = query::parse(text)?;
        if statements.is_empty() {
            return Err(SqlError::Invalid("there is no statement".into()));
        }
        let module = Arc::clone(self.shared().running().module());
        let _connection = self.connect_if_asked(&module, caller).await?;
        let rights = if caller.identity == self.key().owner { Rights::Owner } else { Rights::Public };
        let asker = Asker { identity: caller.identity, rights };
        let mut thread = None;
        loop {
            let running = self.shared().running();
            let (mut compiled, mut is_change) = (Vec::with_capacity(statements.len()), false);
            for statement in &statements {
                let one = running.queries.compile(statement, rights)?;
                is_change |= matches!(one, Compiled::Change(_));
                compiled.push(one);
            }
            let answer = if is_change {
                self.change(&running, compiled, asker, is_confirmed).await
            } else {
                let queries = compiled.into_iter().filter_map(|one| match one {
                    Compiled::Query(query) => Some(query),
                    Compiled::Change(_) => None,
                });
                self.queries(running, queries.collect(), caller, asker, is_confirmed, &mut thread).await
            };
            // If another program runs by now, its tables may be others: once more.
            if let Some(answer) = answer? {
                return Ok(answer);
            }
        }
    }

    async fn change(
        &self,
        running: &Running,
        statements: Vec<Compiled>,
        asker: Asker,
        is_confirmed: bool,
    ) -> Result<Option<Vec<SqlResult>>, SqlError> {
        let call = SqlCall { generation: running.generation, statements, asker, is_confirmed };
        let (reply, answer) = oneshot::channel();
        self.try_send(Job::Sql(Box::new(call), reply))?;
        answer.await.map_err(|_| self.stopped())?.transpose()
    }

    /// Runs queries over the committed state.
    async fn queries<'d>(
        &'d self,
        running: Arc<Running>,
        queries: Vec<Query>,
        caller: &Caller,
        asker: Asker,
        is_confirmed: bool,
        thread: &mut Option<SemaphorePermit<'d>>,
    ) -> Result<Option<Vec<SqlResult>>, SqlError> {
        let (snapshot, present) = self.snapshot().await?;
        if present.generation != running.generation {
            return Ok(None);
        }
        let reads_view = |query: &Query| query.sources().any(|source| matches!(source, Source::View(_)));
        let work = Work { running, queries, snapshot, views: Vec::new(), asker, limits: self.sql_limits() };
        let is_small = !work.queries.iter().any(reads_view) && work.rows_max()? <= ROWS_AT_ONCE;
        let offset = work.snapshot.offset();
        let results = if is_small {
            work.run(&|| false)?
        } else {
            if thread.is_none() {
                match self.query_threads().try_acquire() {
                    Ok(permit) => *thread = Some(permit),
                    Err(_) => {
                        // Whoever waits holds on to no state meanwhile.
                        drop(work);
                        *thread = self.query_threads().acquire().await.ok();
                        return Ok(None);
                    }
                }
            }
            let work = self.with_views(work, caller).await?;
            self.run_on_thread(work).await?
        };
        if is_confirmed {
            self.wait_durable(offset).await?;
        }
        Ok(Some(results))
    }

    /// Computes the views that queries read.
    async fn with_views(&self, mut work: Work, caller: &Caller) -> Result<Work, SqlError> {
        let mut places: Vec<usize> = Vec::new();
        for source in work.queries.iter().flat_map(Query::sources) {
            if let Source::View(place) = source
                && !places.contains(&place)
            {
                places.push(place);
            }
        }
        for place in places {
            let def = &work.running.module().views[place];
            if !def.params.elements.is_empty() {
                return Err(SqlError::Invalid(format!(
                    "the view `{}` takes parameters, and a query has no way to give them; read it over HTTP",
                    def.name
                )));
            }
            let (view, args) = work.running.prepare_view(&def.name, &Args::Bsatn(Bytes::new()), true)?;
            let call = ViewCall {
                running: Arc::clone(&work.running),
                asked_by: view.asked_by(caller.identity),
                view,
                args,
                snapshot: work.snapshot.clone(),
            };
            let (reply, rows) = oneshot::channel();
            let place_for_view = self.shared().place_for_view().map_err(CallError::from)?;
            let job = ViewJob { call, recipient: Box::new(OneTable(reply)) };
            place_for_view.submit(self.shared(), job).map_err(CallError::from)?;
            let rows = rows.await.map_err(|_| self.shared().lost())??;
            work.views.push((place, rows));
        }
        Ok(work)
    }

    async fn run_on_thread(&self, work: Work) -> Result<Vec<SqlResult>, SqlError> {
        let (reply, answer) = oneshot::channel();
        let run = move || {
            let results = work.run(&|| reply.is_closed());
            // Fails if nobody waits any more.
            let _ = reply.send(results);
        };
        thread::Builder::new().name("orrery-query".into()).stack_size(STACK_BYTES).spawn(run).map_err(
            |error| CallError::Unsupported(format!("no thread for queries can be started: {error}")),
        )?;
        // Without an answer the thread has panicked, and only it.
        let results = answer.await.map_err(|_| SqlError::Invalid("the query broke".into()))?;
        Ok(results?)
    }

    async fn wait_durable(&self, offset: crate::store::TxOffset) -> Result<(), SqlError> {
        let shared = self.shared();
        if shared.durability.durable_offset() >= offset {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        shared.durability.after(offset, move |durable| {
            let _ = reply.send(durable);
        });
        let durable = answer.await.map_err(|_| self.stopped())?;
        Ok(durable.map_err(|error| shared.stop(&error.to_string()))?)
    }

    fn sql_limits(&self) -> SqlLimits {
        SqlLimits::new(self.shared().host.config())
    }
}

/// A query that reads a view as one of its tables. What it tells of that is held back with the rest of its result.
struct OneTable(oneshot::Sender<Result<Bytes, CallError>>);

impl Recipient for OneTable {
    fn is_waiting(&self) -> bool {
        !self.0.is_closed()
    }

    fn receive(self: Box<Self>, _: ViewCall, result: Option<Result<readers::ViewRows, CallError>>) {
        if let Some(result) = result {
            let _ = self.0.send(result.map(|view| view.rows));
        }
    }
}

/// How much one statement may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlLimits {
    time: Duration,
    memory: usize,
}

impl SqlLimits {
    /// As long as a call, and as much memory as an instance of a module.
    pub(crate) fn new(config: &crate::HostConfig) -> Self {
        let memory = usize::try_from(config.memory_limit).unwrap_or(usize::MAX);
        Self { time: config.time_limit, memory }
    }
}

/// Queries, and what they are run over.
struct Work {
    running: Arc<Running>,
    queries: Vec<Query>,
    snapshot: Snapshot,
    /// The rows of views (BSATN, an array), by the place of the view.
    views: Vec<(usize, Bytes)>,
    asker: Asker,
    limits: SqlLimits,
}

impl Work {
    /// How many rows of tables the queries may look at.
    fn rows_max(&self) -> Result<u64, QueryError> {
        let mut sum = 0_u64;
        for query in &self.queries {
            let prepared = self.running.queries.prepare(query, self.asker);
            sum = sum.saturating_add(prepared.rows_max(Sources::tables(&self.snapshot))?);
        }
        Ok(sum)
    }

    fn run(&self, is_cancelled: &dyn Fn() -> bool) -> Result<Vec<SqlResult>, QueryError> {
        let mut views = ViewRows::new();
        for (place, rows) in &self.views {
            let relations = self.queries.iter().flat_map(Query::relations);
            let Some(relation) = relations.into_iter().find(|one| one.source == Source::View(*place)) else {
                continue;
            };
            let rows = split_rows(rows, relation).map_err(|error| {
                QueryError::plain(format!("the rows of `{}` are not valid: {error}", relation.name))
            })?;
            views.insert(*place, rows);
        }
        let sources = Sources::with_views(&self.snapshot, &views);
        let limits = Limits {
            time: self.limits.time,
            memory: self.limits.memory,
            rows: match self.asker.rights {
                Rights::Owner => None,
                Rights::Public => query::row_limit(&self.snapshot),
            },
            is_cancelled,
        };
        self.queries.iter().map(|query| run(query, &self.running, sources, self.asker, &limits)).collect()
    }
}

/// The different rows of a BSATN array, in its order.
fn split_rows<'r>(rows: &'r [u8], relation: &Relation) -> Result<Vec<&'r [u8]>, DecodeError> {
    let mut reader = Reader::new(rows);
    let count = reader.read_u32()?;
    let mut rest = reader.rest();
    let (mut split, mut seen) = (Vec::new(), HashSet::new());
    for _ in 0..count {
        let (row, after) = relation.split_row(rest)?;
        if seen.insert(row) {
            split.push(row);
        }
        rest = after;
        if row.is_empty() {
            // All rows are.
            break;
        }
    }
    Ok(split)
}

fn run(
    query: &Query,
    running: &Running,
    sources: Sources<'_>,
    asker: Asker,
    limits: &Limits<'_>,
) -> Result<SqlResult, QueryError> {
    let started = Instant::now();
    let rows = running.queries.prepare(query, asker).run(sources, Repeats::Keep, limits)?;
    Ok(SqlResult {
        schema: query.schema().clone(),
        rows: rows.into(),
        changed: Changed::default(),
        duration: started.elapsed(),
    })
}

/// Runs statements in the open transaction. After an error it must be rolled back.
pub(crate) fn run_in_transaction(
    call: &SqlCall,
    running: &Running,
    writer: &mut Writer,
    limits: SqlLimits,
) -> Result<Vec<SqlResult>, SqlError> {
    let limits = Limits { time: limits.time, memory: limits.memory, rows: None, is_cancelled: &|| false };
    let mut results = Vec::with_capacity(call.statements.len());
    for statement in &call.statements {
        results.push(match statement {
            Compiled::Query(query) => {
                if query.sources().any(|source| matches!(source, Source::View(_))) {
                    return Err(SqlError::Invalid(
                        "a view cannot be read in one transaction with changes".into(),
                    ));
                }
                run(query, running, Sources::tables(writer), call.asker, &limits)?
            }
            Compiled::Change(change) => {
                let started = Instant::now();
                let changed = change.apply(writer, &running.queries, call.asker, &limits)?;
                SqlResult {
                    schema: ProductType::default(),
                    rows: Bytes::from_static(&[0; 4]),
                    changed,
                    duration: started.elapsed(),
                }
            }
        });
    }
    Ok(results)
}
