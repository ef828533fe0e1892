//! A plan in words: what publishing changes, for whoever has to agree to it.

use std::fmt;

use orrery_host_abi::{
    ColId, ModuleDef, Typespace, json,
    module_def::{ColumnDef, TableDef, ViewDef},
};

use super::{
    growth::type_text,
    plan::{Plan, Step},
};

/// One change of a database, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// To what kind of thing, such as `table`.
    pub subject: &'static str,
    /// Which one.
    pub name: String,
    /// What else fits into a line.
    pub note: String,
    /// The particulars: a heading, and what stands under it.
    pub details: Vec<(&'static str, Vec<String>)>,
}

/// What a [`Change`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// There is something that was not there.
    Created,
    /// Something is gone.
    Removed,
    /// Something is different.
    Changed,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "Created",
            Self::Removed => "Removed",
            Self::Changed => "Changed",
        })
    }
}

impl fmt::Display for Change {
    /// In one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.subject, self.name)?;
        if !self.note.is_empty() {
            write!(f, " {}", self.note)?;
        }
        Ok(())
    }
}

/// The changes that a plan makes, in its order.
pub(crate) fn changes(old: &ModuleDef, new: &ModuleDef, plan: &Plan) -> Vec<Change> {
    plan.steps.iter().map(|step| change(old, new, *step)).collect()
}

fn change(old: &ModuleDef, new: &ModuleDef, step: Step) -> Change {
    use Action::{Changed, Created, Removed};

    let index = |action, table: &TableDef, index: usize| {
        let index = &table.indexes[index];
        let note = format!("on {} of table {}", names(&table.columns, index.algorithm.columns()), table.name);
        line(action, "index", &index.name, note)
    };
    let constraint = |action, table: &TableDef, constraint: usize| {
        let constraint = &table.unique_constraints[constraint];
        let note = format!("on {} of table {}", names(&table.columns, &constraint.columns), table.name);
        line(action, "unique constraint", &constraint.name, note)
    };
    let sequence = |action, table: &TableDef, sequence: usize| {
        let sequence = &table.sequences[sequence];
        let note = format!("on {} of table {}", names(&table.columns, &[sequence.column]), table.name);
        line(action, "auto-increment", &sequence.name, note)
    };
    let schedule = |action, table: &TableDef, module: &ModuleDef| {
        let (name, note) = match &table.schedule {
            Some(schedule) => (&*schedule.name, format!("on table {}, {}", table.name, calls(module, table))),
            None => ("", String::new()),
        };
        line(action, "schedule", name, note)
    };
    match step {
        Step::RemoveIndex { table, index: at } => index(Removed, &old.tables[table], at),
        Step::RemoveConstraint { table, constraint: at } => constraint(Removed, &old.tables[table], at),
        Step::RemoveSequence { table, sequence: at } => sequence(Removed, &old.tables[table], at),
        Step::RemoveSchedule(table) => schedule(Removed, &old.tables[table], old),
        Step::RemoveView(view) => view_line(Removed, &old.views[view]),
        Step::RemoveRule(rule) => rule_line(Removed, &old.row_level_security[rule]),
        Step::RemoveTable(table) => line(Removed, "table", &old.tables[table].name, String::new()),
        Step::ReplaceTable(table) => {
            let table = &new.tables[table];
            let note = if table.is_event { "(made anew)" } else { "(made anew: it has no rows)" };
            Change {
                details: table_details(new, table),
                ..line(Changed, "table", &table.name, note.to_owned())
            }
        }
        Step::ChangeColumns(table) => {
            let table = &new.tables[table];
            let changed = changed_columns(old, table);
            Change {
                details: vec![("Columns", changed)],
                ..line(Changed, "columns of table", &table.name, String::new())
            }
        }
        Step::AddColumns(table) => {
            let table = &new.tables[table];
            let before = table_named(old, &table.name);
            let is_new =
                |column: &&ColumnDef| before.is_none_or(|before| before.column(&column.name).is_none());
            let added = table.columns.iter().filter(is_new).map(|column| match default_text(column) {
                Some(default) => format!("{} = {default}", column_text(column)),
                None => column_text(column),
            });
            let mut details = vec![("Columns", added.collect())];
            let changed = changed_columns(old, table);
            if !changed.is_empty() {
                details.push(("Changed columns", changed));
            }
            Change { details, ..line(Created, "columns in table", &table.name, String::new()) }
        }
        Step::ChangeIndexAlias { table, index: at } => {
            let note = new.tables[table].indexes[at].alias.as_ref();
            let note = note.map_or(String::new(), |alias| format!("(called {alias} in the code)"));
            line(Changed, "index", &new.tables[table].indexes[at].name, note)
        }
        Step::ChangeTableAccessor(table) => {
            let table = &new.tables[table];
            line(Changed, "table", &table.name, format!("(called {} in the code)", table.accessor_name))
        }
        Step::ChangeColumnAccessor { table, column } => {
            let table = &new.tables[table];
            let column = &table.columns[column];
            let note = format!("of table {} (called {} in the code)", table.name, column.accessor_name);
            line(Changed, "column", &column.name, note)
        }
        Step::AddTable(table) => {
            let table = &new.tables[table];
            let note = format!("({})", access(table.is_public));
            Change { details: table_details(new, table), ..line(Created, "table", &table.name, note) }
        }
        Step::AddIndex { table, index: at } => index(Created, &new.tables[table], at),
        Step::AddConstraint { table, constraint: at } => constraint(Created, &new.tables[table], at),
        Step::AddSequence { table, sequence: at } => sequence(Created, &new.tables[table], at),
        Step::AddSchedule(table) => schedule(Created, &new.tables[table], new),
        Step::AddView(view) => {
            let view = &new.views[view];
            let columns = view.columns.iter().map(column_text).collect();
            Change { details: vec![("Columns", columns)], ..view_line(Created, view) }
        }
        Step::AddRule(rule) => rule_line(Created, &new.row_level_security[rule]),
        Step::ChangeAccess(table) => {
            let table = &new.tables[table];
            line(Changed, "access to table", &table.name, format!("(now {})", access(table.is_public)))
        }
        Step::ChangePrimaryKey(table) => {
            let table = &new.tables[table];
            let key = table.primary_key.map_or("none".into(), |key| names(&table.columns, &[key]));
            line(Changed, "primary key of table", &table.name, format!("(now {key})"))
        }
        Step::ChangeViewAccess(view) => {
            let view = &new.views[view];
            line(Changed, "access to view", &view.name, format!("(now {})", access(view.is_public)))
        }
    }
}

fn line(action: Action, subject: &'static str, name: &str, note: String) -> Change {
    Change { action, subject, name: name.to_owned(), note, details: Vec::new() }
}

fn view_line(action: Action, view: &ViewDef) -> Change {
    line(action, if view.is_anonymous { "anonymous view" } else { "view" }, &view.name, String::new())
}

fn rule_line(action: Action, sql: &str) -> Change {
    line(action, "row level security policy", &format!("`{sql}`"), String::new())
}

fn table_named<'d>(module: &'d ModuleDef, name: &str) -> Option<&'d TableDef> {
    module.tables.iter().find(|table| *table.name == *name)
}

fn table_details(module: &ModuleDef, table: &TableDef) -> Vec<(&'static str, Vec<String>)> {
    let on = |name: &str, columns: &[ColId]| format!("{name} on {}", names(&table.columns, columns));
    let unique = table.unique_constraints.iter().map(|it| on(&it.name, &it.columns));
    let indexes = table.indexes.iter().map(|it| on(&it.name, it.algorithm.columns()));
    let sequences = table.sequences.iter().map(|it| on(&it.name, &[it.column]));
    let mut details = vec![
        ("Columns", table.columns.iter().map(column_text).collect()),
        ("Unique constraints", unique.collect()),
        ("Indexes", indexes.collect()),
        ("Auto-increment constraints", sequences.collect::<Vec<_>>()),
        ("Schedule", table.schedule.iter().map(|_| calls(module, table)).collect()),
    ];
    details.retain(|(_, items)| !items.is_empty());
    details
}

fn changed_columns(old: &ModuleDef, table: &TableDef) -> Vec<String> {
    let Some(before) = table_named(old, &table.name) else { return Vec::new() };
    let changed = table.columns.iter().filter_map(|column| {
        let (_, before) = before.column(&column.name)?;
        let change = || format!("{}: {} -> {}", column.name, type_text(&before.ty), type_text(&column.ty));
        (before.ty != column.ty).then(change)
    });
    changed.collect()
}

fn column_text(column: &ColumnDef) -> String {
    format!("{}: {}", column.name, type_text(&column.ty))
}

fn default_text(column: &ColumnDef) -> Option<String> {
    let writer = json::JsonWriter::new(&column.ty, &Typespace::default(), json::Dialect::Plain).ok()?;
    writer.to_string(column.default.as_deref()?).ok()
}

fn calls(module: &ModuleDef, table: &TableDef) -> String {
    let function = table.schedule.as_ref().map_or("?", |schedule| &schedule.function);
    let kind = if module.procedure(function).is_some() { "procedure" } else { "reducer" };
    format!("calls {kind} {function}")
}

fn names(columns: &[ColumnDef], places: &[ColId]) -> String {
    let names = places.iter().map(|place| columns.get(usize::from(place.0)).map_or("?", |it| &it.name));
    format!("[{}]", names.collect::<Vec<_>>().join(", "))
}

fn access(is_public: bool) -> &'static str {
    if is_public { "public" } else { "private" }
}
