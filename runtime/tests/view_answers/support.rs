//! A database with two tables and views that read them in every way, and what these views must answer.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bytes::Bytes;
use orrery_host_abi::{
    AlgebraicType, ColId, ConnectionId, Element, Identity, ProductType, TypeRef, Typespace,
    bsatn::Encode,
    module_def::{
        RawConstraintData, RawConstraintDefV10, RawFunctionVisibility, RawIndexAlgorithm, RawIndexDefV10,
        RawModuleDef, RawModuleDefV10, RawReducerDefV10, RawScopedTypeNameV10, RawSectionV10, RawTableAccess,
        RawTableDefV10, RawTableType, RawTypeDefV10, RawUniqueConstraint, RawViewDefV10,
    },
};
use orrery_runtime::{
    Args, CallError, Caller, Database, DatabaseKey, Host, HostConfig, Program, ProgramKind, ViewAnswer,
    ViewChange, ViewEvent, ViewReply, ViewWatch,
};

pub(crate) const KEY: DatabaseKey = DatabaseKey { database: Identity([1; 32]), owner: Identity([2; 32]) };

/// A row of `item`.
pub(crate) type Item = (u32, u32, u32);
/// The bytes of a row.
pub(crate) type Row = Vec<u8>;

/// What a module declares beside the tables.
#[derive(Debug, Clone)]
pub(crate) struct Views(pub(crate) Vec<RawViewDefV10>);

impl Views {
    /// All that the module has.
    pub(crate) fn all() -> Self {
        let u32s = || AlgebraicType::Array(Box::new(AlgebraicType::U32));
        let anonymous: Vec<(&str, Vec<(&str, AlgebraicType)>, u32)> = vec![
            ("item_by_id", vec![("id", AlgebraicType::U32)], 0),
            ("items_of", vec![("owner", AlgebraicType::U32)], 0),
            ("items_from", vec![("owner", AlgebraicType::U32)], 0),
            ("all_items", vec![], 0),
            ("item_count", vec![], 0),
            ("note_of", vec![("key", AlgebraicType::String)], 1),
            ("values_of", vec![("owners", u32s())], 0),
            ("all_notes", vec![], 1),
            ("item_by_range", vec![("id", AlgebraicType::U32)], 0),
            ("no_item", vec![("id", AlgebraicType::U32)], 0),
            ("zeros", vec![("rows", AlgebraicType::U32)], 0),
        ];
        let mut views: Vec<_> = anonymous
            .into_iter()
            .zip(0..)
            .map(|((name, params, row), index)| view(name, index, true, params, row))
            .collect();
        views.push(view("mine", 0, false, vec![], 0));
        Self(views)
    }

    /// The same without one.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|view| &*view.source_name != name);
        self
    }

    /// The same where one gives rows of another type.
    pub(crate) fn with_row(mut self, name: &str, row: u32) -> Self {
        for view in self.0.iter_mut().filter(|view| &*view.source_name == name) {
            view.return_type = AlgebraicType::Array(Box::new(AlgebraicType::Ref(TypeRef(row))));
        }
        self
    }
}

fn view(
    name: &str,
    index: u32,
    is_anonymous: bool,
    params: Vec<(&str, AlgebraicType)>,
    row: u32,
) -> RawViewDefV10 {
    RawViewDefV10 {
        source_name: name.into(),
        index,
        is_public: true,
        is_anonymous,
        params: product(params),
        return_type: AlgebraicType::Array(Box::new(AlgebraicType::Ref(TypeRef(row)))),
    }
}

fn product(elements: Vec<(&str, AlgebraicType)>) -> ProductType {
    let element = |(name, ty): (&str, AlgebraicType)| Element { name: Some(name.into()), ty };
    ProductType { elements: elements.into_iter().map(element).collect() }
}

/// The program with these views. `note` makes programs differ that do the same.
pub(crate) fn program(views: Views, note: &str) -> Program {
    let item = product(vec![
        ("id", AlgebraicType::U32),
        ("owner", AlgebraicType::U32),
        ("value", AlgebraicType::U32),
    ]);
    let key_and_value = product(vec![("key", AlgebraicType::String), ("value", AlgebraicType::U32)]);
    let named = |name: &str, ty| RawTypeDefV10 {
        source_name: RawScopedTypeNameV10 { scope: vec![], source_name: name.into() },
        ty: TypeRef(ty),
        custom_ordering: true,
    };
    let reducer = |name: &str, params| RawReducerDefV10 {
        source_name: name.into(),
        params: product(params),
        visibility: RawFunctionVisibility::ClientCallable,
        ok_return_type: AlgebraicType::unit(),
        err_return_type: AlgebraicType::String,
    };
    let bytes = || AlgebraicType::Array(Box::new(AlgebraicType::U8));
    let index = |name: &str, algorithm| RawIndexDefV10 {
        source_name: Some(name.into()),
        accessor_name: None,
        algorithm,
    };
    let unique = |column| RawConstraintDefV10 {
        source_name: None,
        data: RawConstraintData::Unique(RawUniqueConstraint { columns: vec![ColId(column)] }),
    };
    let table = |name: &str, ty, indexes| RawTableDefV10 {
        source_name: name.into(),
        product_type_ref: TypeRef(ty),
        primary_key: vec![ColId(0)],
        indexes,
        constraints: vec![unique(0)],
        sequences: vec![],
        table_type: RawTableType::User,
        table_access: RawTableAccess::Public,
        default_values: vec![],
        is_event: false,
    };
    let by_id = index("item_id_idx_btree", RawIndexAlgorithm::BTree(vec![ColId(0)]));
    let by_owner = index("item_owner_idx_btree", RawIndexAlgorithm::BTree(vec![ColId(1)]));
    let by_key = index("note_key_idx_hash", RawIndexAlgorithm::Hash(vec![ColId(0)]));
    let definition = RawModuleDef::V10(RawModuleDefV10 {
        sections: vec![
            RawSectionV10::Typespace(Typespace {
                types: vec![AlgebraicType::Product(item), AlgebraicType::Product(key_and_value)],
            }),
            RawSectionV10::Types(vec![named("Item", 0), named("Note", 1)]),
            RawSectionV10::Tables(vec![
                table("item", 0, vec![by_id, by_owner]),
                table("note", 1, vec![by_key]),
            ]),
            RawSectionV10::Reducers(vec![
                reducer("apply", vec![("records", bytes())]),
                reducer("put_note", vec![("key", AlgebraicType::String), ("value", AlgebraicType::U32)]),
                reducer("fail", vec![("records", bytes())]),
            ]),
            RawSectionV10::Views(views.0),
        ],
    });
    let text = format!(
        "const DEFINITION = {:?};\n{}\n// {note}\n",
        definition.to_bsatn(),
        include_str!("module.js")
    );
    Program { kind: ProgramKind::Js, bytes: text.into() }
}

/// A database, and what must be in it.
pub(crate) struct World {
    pub(crate) host: Arc<Host>,
    pub(crate) database: Database,
    pub(crate) model: Model,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(config: HostConfig) -> Self {
        let host = Host::new(config).expect("the engines start");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("database");
        let database = Database::create(&host, &path, KEY, program(Views::all(), "")).await;
        Self { host, database: database.expect("the module is fine"), model: Model::default(), folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("database")
    }

    /// One transaction: puts and removes items.
    pub(crate) async fn apply(&mut self, steps: &[Step]) {
        self.model.apply(steps);
        apply(&self.database, steps).await;
    }

    pub(crate) async fn put_note(&mut self, key: &str, value: u32) {
        self.model.notes.insert(key.to_owned(), value);
        let args = [key.to_bsatn(), value.to_bsatn()].concat();
        self.database.call_once(&caller(0), "put_note", Args::Bsatn(args.into())).await.expect("a note");
    }

    /// The answer of a view.
    pub(crate) async fn ask(&self, ask: &Ask) -> Arc<ViewAnswer> {
        rows_of(&self.database, ask).await.unwrap_or_else(|error| panic!("{ask:?}: {error}"))
    }

    /// Asks, and checks the answer.
    #[track_caller]
    pub(crate) fn check<'w>(&'w self, ask: &'w Ask) -> impl Future<Output = ()> + 'w {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.ask(ask).await;
            assert_eq!(sorted(split(&answer.rows, ask)), self.model.answer(ask), "{ask:?}, {place}");
        }
    }

    /// Whether asking takes a computation.
    pub(crate) async fn computes(&self, ask: &Ask) -> bool {
        let before = self.database.stats().views_run;
        self.check(ask).await;
        self.database.stats().views_run > before
    }

    pub(crate) async fn watch(&self, ask: &Ask) -> Watcher {
        let Ask { view, args, asker } = ask;
        let watch = self.database.watch_view(&caller(*asker), view, &Args::Bsatn(args.clone())).await;
        Watcher::new(watch.unwrap_or_else(|error| panic!("{ask:?}: {error}")), ask)
    }
}

pub(crate) fn caller(number: u8) -> Caller {
    let mut identity = Identity([7; 32]);
    identity.0[0] = number;
    Caller { identity, connection: ConnectionId(u128::from(number) + 1), token_payload: "{}".into() }
}

/// What a transaction does to `item`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Put(Item),
    Remove(u32),
}

fn encoded(steps: &[Step]) -> Bytes {
    let mut records = Vec::new();
    for step in steps {
        let (kind, (id, owner, value)) = match step {
            Step::Put(item) => (0_u8, *item),
            Step::Remove(id) => (1, (*id, 0, 0)),
        };
        records.push(kind);
        records.extend(row((id, owner, value)));
    }
    records.to_bsatn().into()
}

pub(crate) async fn apply(database: &Database, steps: &[Step]) {
    loop {
        match database.call_once(&caller(0), "apply", Args::Bsatn(encoded(steps))).await {
            Ok(_) => return,
            Err(CallError::Busy) => tokio::task::yield_now().await,
            Err(error) => panic!("{steps:?}: {error}"),
        }
    }
}

/// A transaction that is taken back.
pub(crate) async fn fail(database: &Database, steps: &[Step]) {
    let failed = database.call_once(&caller(0), "fail", Args::Bsatn(encoded(steps))).await;
    assert!(matches!(failed, Err(CallError::Refused(_))), "{failed:?}");
}

/// Something to ask a view.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) view: &'static str,
    pub(crate) args: Bytes,
    pub(crate) asker: u8,
}

pub(crate) fn ask(view: &'static str, args: impl Encode) -> Ask {
    Ask { view, args: args.to_bsatn().into(), asker: 0 }
}

pub(crate) fn ask_plain(view: &'static str) -> Ask {
    Ask { view, args: Bytes::new(), asker: 0 }
}

pub(crate) async fn rows_of(database: &Database, ask: &Ask) -> Result<Arc<ViewAnswer>, CallError> {
    let args = Args::Bsatn(ask.args.clone());
    match database.view_once(&caller(ask.asker), ask.view, &args, &[]).await? {
        ViewReply::Rows(answer) => Ok(answer),
        ViewReply::NotModified(_) => panic!("no tag was given"),
    }
}

fn row((id, owner, value): Item) -> Row {
    [id, owner, value].iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Cuts an array into rows.
pub(crate) fn split(array: &[u8], ask: &Ask) -> Vec<Row> {
    let (count, mut rest) = array.split_at(4);
    let count = u32::from_le_bytes(count.try_into().unwrap());
    let rows = (0..count).map(|_| {
        let len = if ask.view.contains("note") {
            8 + u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize
        } else {
            12
        };
        let (row, after) = rest.split_at(len);
        rest = after;
        row.to_vec()
    });
    let rows = rows.collect();
    assert!(rest.is_empty(), "bytes after the rows");
    rows
}

pub(crate) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

/// What is in the tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) items: BTreeMap<u32, (u32, u32)>,
    pub(crate) notes: BTreeMap<String, u32>,
}

impl Model {
    pub(crate) fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Put((id, owner, value)) => drop(self.items.insert(id, (owner, value))),
                Step::Remove(id) => drop(self.items.remove(&id)),
            }
        }
    }

    /// What a view must answer, sorted.
    pub(crate) fn answer(&self, ask: &Ask) -> Vec<Row> {
        let number = |at: usize| u32::from_le_bytes(ask.args[at..at + 4].try_into().unwrap());
        let items = |wanted: &dyn Fn(u32, u32) -> bool| {
            let items = self.items.iter().filter(|(id, (owner, _))| wanted(**id, *owner));
            items.map(|(id, (owner, value))| row((*id, *owner, *value))).collect()
        };
        let notes = |wanted: &dyn Fn(&str) -> bool| {
            let notes = self.notes.iter().filter(|(key, _)| wanted(key));
            notes.map(|(key, value)| [key.to_bsatn(), value.to_bsatn()].concat()).collect()
        };
        sorted(match ask.view {
            "item_by_id" | "item_by_range" => items(&|id, _| id == number(0)),
            "items_of" => items(&|_, owner| owner == number(0)),
            "items_from" => items(&|_, owner| owner >= number(0)),
            "all_items" => items(&|_, _| true),
            "mine" => items(&|_, owner| owner == u32::from(ask.asker)),
            "item_count" => vec![row((self.items.len() as u32, 0, 0))],
            "values_of" => (0..number(0) as usize)
                .flat_map(|at| {
                    let owner = number(4 + 4 * at);
                    let items = self.items.values().filter(move |item| item.0 == owner);
                    items.map(|item| row((0, 0, item.1 % 3)))
                })
                .collect(),
            "note_of" => notes(&|key| key.as_bytes() == &ask.args[4..]),
            "all_notes" => notes(&|_| true),
            other => panic!("no view {other}"),
        })
    }
}

/// Somebody who watches, and what it has of the rows.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) watch: ViewWatch,
    pub(crate) ask: Ask,
    pub(crate) rows: Option<Vec<Row>>,
    pub(crate) snapshots: usize,
    pub(crate) changes: usize,
    pub(crate) id: Option<orrery_runtime::StateId>,
}

impl Watcher {
    pub(crate) fn new(watch: ViewWatch, ask: &Ask) -> Self {
        Self { watch, ask: ask.clone(), rows: None, snapshots: 0, changes: 0, id: None }
    }

    pub(crate) fn take(&mut self, event: ViewEvent) {
        match event {
            ViewEvent::Snapshot(id, answer) => {
                self.rows = Some(split(&answer.rows, &self.ask));
                self.snapshots += 1;
                self.id = Some(id);
            }
            ViewEvent::Change(change) => {
                self.change(&change);
                self.changes += 1;
                self.id = Some(change.id);
            }
        }
    }

    fn change(&mut self, change: &ViewChange) {
        let rows = self.rows.as_mut().expect("a change comes after rows");
        let (inserts, deletes) = (split(&change.inserts, &self.ask), split(&change.deletes, &self.ask));
        assert!(inserts.len() + deletes.len() > 0, "a change changes something");
        for gone in deletes {
            let at = rows.iter().position(|row| *row == gone).expect("what goes was there");
            rows.swap_remove(at);
        }
        rows.extend(inserts);
    }

    /// Takes what is there.
    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.watch.try_next() {
            self.take(event.expect("the watch goes on"));
        }
    }

    pub(crate) async fn next(&mut self) {
        let event = self.watch.next().await.expect("the watch goes on");
        self.take(event);
    }

    /// Waits until the rows are those.
    pub(crate) async fn until(&mut self, wanted: &[Row]) {
        while self.rows.clone().map(sorted).as_deref() != Some(wanted) {
            self.next().await;
        }
    }
}
