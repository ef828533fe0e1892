//! Runs SQL for clients: queries over a snapshot, beside the worker; changes on it, as one transaction.

use std::{
    cell::RefCell,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use orrery_host_abi::{
    ProductType,
    bsatn::{DecodeError, Reader},
};
use tokio::sync::oneshot;

use crate::{
    database::{CallError, Caller, Database, Stopped},
    host::HostConfig,
    pace::Pace,
    pool::{Seat, Work},
    query::{
        self, Asker, Changed, Compiled, Limits, Query, QueryError, Relation, Repeats, Rights, Source,
        Sources, ViewRows,
    },
    readers,
    running::Running,
    store::{Snapshot, TxOffset, Writer},
    worker::Job,
};

/// Queries that look at no more rows than this are run where they are asked for, which is soonest.
const ROWS_AT_ONCE: u64 = 1000;

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

/// The results of a text; none if another program runs than the one that its names were looked up in.
pub(crate) type SqlAnswer = Result<Option<Vec<SqlResult>>, SqlError>;

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
        let module = self.module();
        let _connection = self.connect_if_asked(&module, caller).await?;
        let rights = if caller.identity == self.key().owner { Rights::Owner } else { Rights::Public };
        let asker = Asker { identity: caller.identity, rights };
        loop {
            let running = self.shared().running();
            let (mut compiled, mut is_change) = (Vec::with_capacity(statements.len()), false);
            for statement in &statements {
                let one = running.queries.compile(statement, rights)?;
                is_change |= matches!(one, Compiled::Change(_));
                compiled.push(one);
            }
            let answer = if is_change {
                let generation = running.generation;
                self.change(SqlCall { generation, statements: compiled, asker, is_confirmed }).await?
            } else {
                let queries = compiled.into_iter().filter_map(Compiled::query).collect();
                self.queries(running, queries, caller, asker, is_confirmed).await?
            };
            // If another program runs by now, its tables may be others: once more.
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    async fn change(&self, call: SqlCall) -> SqlAnswer {
        let (reply, answer) = oneshot::channel();
        self.try_send(Job::Sql(Box::new(call), reply))?;
        answer.await.map_err(|_| self.stopped())?
    }

    /// Runs queries over the committed state: at once if they are small, else on a thread of their own.
    async fn queries(
        &self,
        running: Arc<Running>,
        queries: Vec<Query>,
        caller: &Caller,
        asker: Asker,
        is_confirmed: bool,
    ) -> SqlAnswer {
        let (snapshot, present) = self.snapshot().await?;
        if present.generation != running.generation {
            return Ok(None);
        }
        let limits = SqlLimits::new(self.shared().host.config());
        let work = QueryWork { running, queries, asker, limits };
        if work.views().is_empty() && work.rows_max(&snapshot)? <= ROWS_AT_ONCE {
            let results = work.run(&snapshot, &[], &|| false)?;
            if is_confirmed {
                self.wait_durable(snapshot.offset()).await?;
            }
            return Ok(Some(results));
        }
        // It may wait for a thread, and need not hold on to this state meanwhile.
        drop(snapshot);
        let (reply, answer) = oneshot::channel();
        self.shared().run_query(QueryJob { work, caller: caller.clone(), is_confirmed, reply })?;
        answer.await.map_err(|_| self.lost())?
    }

    async fn wait_durable(&self, offset: TxOffset) -> Result<(), SqlError> {
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
}

/// How much one statement may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlLimits {
    time: Duration,
    memory: usize,
}

impl SqlLimits {
    /// As long as a call, and as much memory as an instance of a module.
    pub(crate) fn new(config: &HostConfig) -> Self {
        let memory = usize::try_from(config.memory_limit).unwrap_or(usize::MAX);
        Self { time: config.time_limit, memory }
    }

    /// The same for a query.
    pub(crate) fn for_query<'l>(self, rows: Option<u64>, is_cancelled: &'l dyn Fn() -> bool) -> Limits<'l> {
        Limits { time: self.time, memory: self.memory, rows, is_cancelled }
    }
}

/// Queries that were looked up in a program.
#[derive(Debug)]
struct QueryWork {
    running: Arc<Running>,
    queries: Vec<Query>,
    asker: Asker,
    limits: SqlLimits,
}

impl QueryWork {
    /// How many rows of tables the queries may look at.
    fn rows_max(&self, snapshot: &Snapshot) -> Result<u64, QueryError> {
        let mut sum = 0_u64;
        for query in &self.queries {
            let prepared = self.running.queries.prepare(query, self.asker);
            sum = sum.saturating_add(prepared.rows_max(Sources::tables(snapshot))?);
        }
        Ok(sum)
    }

    /// The views that the queries read, by their places in the module.
    fn views(&self) -> Vec<(usize, &Relation)> {
        let relations = self.queries.iter().flat_map(Query::relations);
        let mut views: Vec<_> = relations
            .filter_map(|relation| match relation.source {
                Source::View(place) => Some((place, relation)),
                Source::Table(_) => None,
            })
            .collect();
        views.sort_unstable_by_key(|(place, _)| *place);
        views.dedup_by_key(|(place, _)| *place);
        views
    }

    /// Runs the queries. `views` are the rows (BSATN, an array) of those in [`Self::views`].
    fn run(
        &self,
        snapshot: &Snapshot,
        views: &[Bytes],
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<SqlResult>, QueryError> {
        let mut view_rows = ViewRows::new();
        for ((place, relation), rows) in self.views().into_iter().zip(views) {
            let rows = split_rows(rows, relation).map_err(|error| {
                QueryError::plain(format!("the rows of `{}` are not valid: {error}", relation.name))
            })?;
            view_rows.insert(place, rows);
        }
        let sources = Sources::with_views(snapshot, &view_rows);
        let rows = match self.asker.rights {
            Rights::Owner => None,
            Rights::Public => query::row_limit(snapshot),
        };
        let limits = self.limits.for_query(rows, is_cancelled);
        self.queries.iter().map(|query| run(query, &self.running, sources, self.asker, &limits)).collect()
    }
}

/// Queries for a thread beside the worker.
#[derive(Debug)]
pub(crate) struct QueryJob {
    work: QueryWork,
    caller: Caller,
    is_confirmed: bool,
    reply: oneshot::Sender<SqlAnswer>,
}

impl Work for QueryJob {
    fn run(self, seat: &mut Seat) {
        if self.reply.is_closed() {
            return;
        }
        let (offset, result) = match self.compute(seat) {
            Ok(Some((offset, results))) => (offset, Ok(Some(results))),
            Ok(None) => (TxOffset::default(), Ok(None)),
            Err(error) => (TxOffset::default(), Err(error)),
        };
        if !self.is_confirmed {
            let _ = self.reply.send(result);
            return;
        }
        let shared = Arc::clone(&seat.shared);
        let reply = self.reply;
        seat.shared.durability.after(offset, move |durable| {
            let durable = durable.map_err(|error| shared.stop(&error.to_string()).into());
            let _ = reply.send(durable.and(result));
        });
    }
}

impl QueryJob {
    /// The results, and the offset of the state that they are of.
    fn compute(&self, seat: &mut Seat) -> Result<Option<(TxOffset, Vec<SqlResult>)>, SqlError> {
        let work = &self.work;
        let (snapshot, present) = seat.shared.snapshot_now()?;
        if present.generation != work.running.generation {
            return Ok(None);
        }
        let mut views = Vec::new();
        for (place, _) in work.views() {
            let view = work.running.view(&work.running.module().views[place].name)?;
            views.push(readers::compute(seat, &work.running, view, &snapshot, &self.caller)?.rows);
        }
        let pace = RefCell::new(Pace::new(&seat.shared.at_work));
        let is_cancelled = || {
            pace.borrow_mut().keep();
            self.reply.is_closed()
        };
        let results = work.run(&snapshot, &views, &is_cancelled)?;
        Ok(Some((snapshot.offset(), results)))
    }
}

/// The different rows of a BSATN array.
fn split_rows<'r>(rows: &'r [u8], relation: &Relation) -> Result<Vec<&'r [u8]>, DecodeError> {
    let mut reader = Reader::new(rows);
    let count = reader.read_u32()?;
    let mut rest = reader.rest();
    let mut split = Vec::new();
    for _ in 0..count {
        let (row, after) = relation.split_row(rest)?;
        split.push(row);
        rest = after;
        if row.is_empty() {
            // All rows are.
            break;
        }
    }
    split.sort_unstable();
    split.dedup();
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
    let limits = limits.for_query(None, &|| false);
    let mut results = Vec::with_capacity(call.statements.len());
    for statement in &call.statements {
        results.push(match statement {
            Compiled::Query(query) => {
                if query.relations().any(|relation| relation.table().is_none()) {
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
