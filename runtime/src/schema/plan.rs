//! Compares two definitions of a module: what must be done to the data, or why it cannot be done.
//!
//! The rules are the peer's, and wider in three places: a table without rows may change in any way, schedules may be
//! added to and removed from tables, and sums may grow by variants of any size.

use std::collections::{BTreeSet, HashMap};

use orrery_host_abi::{
    ModuleDef,
    module_def::{ColumnDef, IndexDef, TableDef, ViewDef},
};

use super::{
    checks::{self, Stored},
    growth::{Growth, growth, type_text},
};

/// One thing to do to the data, in the order in which they are done: first what goes, then what changes, then what
/// is new. Of what goes, the place is that in the old definition; otherwise that in the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Remove an index.
    RemoveIndex {
        /// The table.
        table: usize,
        /// The index of that table.
        index: usize,
    },
    /// Remove a unique constraint.
    RemoveConstraint {
        /// The table.
        table: usize,
        /// The constraint of that table.
        constraint: usize,
    },
    /// Remove a sequence.
    RemoveSequence {
        /// The table.
        table: usize,
        /// The sequence of that table.
        sequence: usize,
    },
    /// Nothing runs any more at the times that the table's rows name, or something else will.
    RemoveSchedule(usize),
    /// Forget a view.
    RemoveView(usize),
    /// Remove a row-level security rule.
    RemoveRule(usize),
    /// Remove a table, which has no rows.
    RemoveTable(usize),
    /// Make a table anew that has no rows: event tables, and those of which more changes than rows could follow.
    ReplaceTable(usize),
    /// Give the columns of a table other types, under which the rows stay as they are.
    ChangeColumns(usize),
    /// Add columns at the end of a table, and their default values to each row.
    AddColumns(usize),
    /// Give an index another alias.
    ChangeIndexAlias {
        /// The table.
        table: usize,
        /// The index of that table.
        index: usize,
    },
    /// Give a table another name in the code.
    ChangeTableAccessor(usize),
    /// Give a column another name in the code.
    ChangeColumnAccessor {
        /// The table.
        table: usize,
        /// The column of that table.
        column: usize,
    },
    /// Make a table.
    AddTable(usize),
    /// Build an index over a table that is there.
    AddIndex {
        /// The table.
        table: usize,
        /// The index of that table.
        index: usize,
    },
    /// Add a unique constraint to a table that is there.
    AddConstraint {
        /// The table.
        table: usize,
        /// The constraint of that table.
        constraint: usize,
    },
    /// Add a sequence to a table that is there.
    AddSequence {
        /// The table.
        table: usize,
        /// The sequence of that table.
        sequence: usize,
    },
    /// Something runs at the times that the table's rows name.
    AddSchedule(usize),
    /// Make a view known.
    AddView(usize),
    /// Add a row-level security rule.
    AddRule(usize),
    /// Let everybody read the table, or the owner only.
    ChangeAccess(usize),
    /// Note another primary key, or none.
    ChangePrimaryKey(usize),
    /// Note whether a view is public.
    ChangeViewAccess(usize),
}

/// What turns the data of one module into that of another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// What to do, in order.
    pub(crate) steps: Vec<Step>,
    /// Whether clients that know the old module may misunderstand what they are told, so that all must go.
    pub(crate) breaks_clients: bool,
}

/// What turns data of the module `old` (none for an empty database) into data of the module `new`, or every reason
/// why it cannot be done. Functions may change in any way.
///
/// Looks at rows as far as that is quick; whether they allow new unique constraints,
/// [`check_unique`](checks::check_unique) tells.
pub(crate) fn plan(
    old: Option<&ModuleDef>,
    new: &ModuleDef,
    stored: &Stored<'_>,
) -> Result<Plan, Vec<String>> {
    let nothing = ModuleDef::default();
    let old = old.unwrap_or(&nothing);
    let mut draft = Draft::default();
    draft.tables(old, new, stored);
    draft.views(old, new);
    draft.rules(old, new);
    let Draft { mut plan, reasons } = draft;
    plan.steps.sort_unstable();
    if reasons.is_empty() { Ok(plan) } else { Err(reasons) }
}

/// A plan in the making.
#[derive(Default)]
struct Draft {
    plan: Plan,
    reasons: Vec<String>,
}

/// A table that is in both definitions.
#[derive(Clone, Copy)]
struct Pair<'d> {
    old: &'d TableDef,
    new: &'d TableDef,
    old_at: usize,
    new_at: usize,
}

impl Draft {
    fn tables(&mut self, old: &ModuleDef, new: &ModuleDef, stored: &Stored<'_>) {
        let (old_tables, new_tables) = (by_name(old), by_name(new));
        for (old_at, table) in old.tables.iter().enumerate() {
            if new_tables.contains_key(&*table.name) {
                continue;
            }
            match stored.row_count(&table.name) {
                0 => {
                    self.plan.steps.push(Step::RemoveTable(old_at));
                    self.plan.breaks_clients = true;
                }
                rows => self.reasons.push(format!(
                    "table `{}` is gone, and has {rows}: keep it in the module until they are deleted, or publish \
                     with the data deleted",
                    table.name,
                    rows = checks::count(rows, "row"),
                )),
            }
        }
        for (new_at, table) in new.tables.iter().enumerate() {
            let Some(&old_at) = old_tables.get(&*table.name) else {
                self.plan.steps.push(Step::AddTable(new_at));
                continue;
            };
            let pair = Pair { old: &old.tables[old_at], new: table, old_at, new_at };
            let mut own = Self::default();
            own.table(pair, stored);
            if !own.reasons.is_empty() && stored.row_count(&table.name) == 0 {
                // There is nothing that could not follow.
                own.reasons.clear();
                own.plan = Plan { steps: vec![Step::ReplaceTable(new_at)], breaks_clients: true };
            }
            self.plan.steps.append(&mut own.plan.steps);
            self.plan.breaks_clients |= own.plan.breaks_clients;
            self.reasons.append(&mut own.reasons);
        }
    }

    fn table(&mut self, pair: Pair<'_>, stored: &Stored<'_>) {
        let Pair { old, new, old_at, new_at } = pair;
        if old.is_event != new.is_event {
            let [before, after] = [old, new].map(|it| if it.is_event { "an event table" } else { "a table" });
            self.refuse(new, &format!("it was {before} and is {after}"), "give the new one another name");
        }
        self.columns(pair);
        self.indexes(pair);
        self.constraints(pair);
        self.sequences(pair, stored);
        if old.schedule != new.schedule {
            self.plan.steps.extend(old.schedule.as_ref().map(|_| Step::RemoveSchedule(old_at)));
            self.plan.steps.extend(new.schedule.as_ref().map(|_| Step::AddSchedule(new_at)));
        }
        if old.accessor_name != new.accessor_name {
            self.plan.steps.push(Step::ChangeTableAccessor(new_at));
        }
        if old.is_public != new.is_public {
            self.plan.steps.push(Step::ChangeAccess(new_at));
        }
        if old.primary_key != new.primary_key {
            self.plan.steps.push(Step::ChangePrimaryKey(new_at));
        }
    }

    fn columns(&mut self, Pair { old, new, new_at, .. }: Pair<'_>) {
        let mut growth_of_all = Growth::Same;
        for (place, before) in old.columns.iter().enumerate() {
            let name = &before.name;
            let Some(now) = new.columns.iter().position(|column| column.name == *name) else {
                let what = match new.columns.get(place) {
                    Some(other) if old.column(&other.name).is_none() && other.ty == before.ty => {
                        format!("column `{name}` is gone, and `{}` is new in its place", other.name)
                    }
                    _ => format!("column `{name}` is gone"),
                };
                self.refuse(new, &what, "keep it, with its name");
                continue;
            };
            if now != place {
                let order: Vec<_> = old.columns.iter().map(|column| format!("`{}`", column.name)).collect();
                self.refuse(
                    new,
                    &format!("column `{name}` is in another place"),
                    &format!("keep the order {}, with new columns behind them", order.join(", ")),
                );
            }
            let column = &new.columns[now];
            match growth(&before.ty, &column.ty) {
                Ok(growth) => growth_of_all = growth_of_all.max(growth),
                Err(reason) => self.refuse(
                    new,
                    &format!("the type of column `{name}` has changed: {reason}"),
                    "keep the type, and add another column with a default at the end",
                ),
            }
            if column.accessor_name != before.accessor_name {
                self.plan.steps.push(Step::ChangeColumnAccessor { table: new_at, column: now });
            }
        }
        let mut is_added = false;
        for column in new.columns.iter().filter(|column| old.column(&column.name).is_none()) {
            is_added = true;
            if column.default.is_none() {
                self.refuse(
                    new,
                    &format!("column `{}: {}` is new and has no default", column.name, type_text(&column.ty)),
                    "give it one (`#[default(…)]` in Rust, `.default(…)` in TypeScript)",
                );
            }
        }
        if is_added {
            self.plan.steps.push(Step::AddColumns(new_at));
        } else if growth_of_all > Growth::Same {
            self.plan.steps.push(Step::ChangeColumns(new_at));
        }
        self.plan.breaks_clients |= is_added || growth_of_all == Growth::Larger;
    }

    fn indexes(&mut self, Pair { old, new, old_at, new_at }: Pair<'_>) {
        let is_same = |a: &IndexDef, b: &IndexDef| a.name == b.name && a.algorithm == b.algorithm;
        for (index, before) in old.indexes.iter().enumerate() {
            if !new.indexes.iter().any(|other| is_same(before, other)) {
                self.plan.steps.push(Step::RemoveIndex { table: old_at, index });
            }
        }
        for (index, now) in new.indexes.iter().enumerate() {
            match old.indexes.iter().find(|other| is_same(now, other)) {
                None => self.plan.steps.push(Step::AddIndex { table: new_at, index }),
                Some(before) if before.alias != now.alias => {
                    self.plan.steps.push(Step::ChangeIndexAlias { table: new_at, index });
                }
                Some(_) => {}
            }
        }
    }

    fn constraints(&mut self, Pair { old, new, old_at, new_at }: Pair<'_>) {
        for (constraint, before) in old.unique_constraints.iter().enumerate() {
            if !new.unique_constraints.contains(before) {
                self.plan.steps.push(Step::RemoveConstraint { table: old_at, constraint });
            }
        }
        for (constraint, now) in new.unique_constraints.iter().enumerate() {
            if !old.unique_constraints.contains(now) {
                self.plan.steps.push(Step::AddConstraint { table: new_at, constraint });
            }
        }
    }

    fn sequences(&mut self, Pair { old, new, old_at, new_at }: Pair<'_>, stored: &Stored<'_>) {
        for (sequence, before) in old.sequences.iter().enumerate() {
            if !new.sequences.contains(before) {
                self.plan.steps.push(Step::RemoveSequence { table: old_at, sequence });
            }
        }
        for (sequence, now) in new.sequences.iter().enumerate() {
            if old.sequences.contains(now) {
                continue;
            }
            self.plan.steps.push(Step::AddSequence { table: new_at, sequence });
            if let Some(value) = checks::value_in_range(stored, new, now) {
                let column = &new.columns[usize::from(now.column.0)].name;
                self.refuse(
                    new,
                    &format!(
                        "column `{column}` is to be counted up, and a row has {value} there, which the count would \
                         come to again"
                    ),
                    "count up another column, new and with the default 0",
                );
            }
        }
    }

    fn refuse(&mut self, table: &TableDef, what: &str, remedy: &str) {
        self.reasons.push(format!(
            "table `{}`: {what}; {remedy}, or delete the rows first, or publish with the data deleted",
            table.name
        ));
    }

    fn views(&mut self, old: &ModuleDef, new: &ModuleDef) {
        for (at, view) in old.views.iter().enumerate() {
            if !new.views.iter().any(|other| other.name == view.name) {
                self.plan.steps.push(Step::RemoveView(at));
                self.plan.breaks_clients = true;
            }
        }
        for (at, view) in new.views.iter().enumerate() {
            let Some(before) = old.views.iter().position(|other| other.name == view.name) else {
                self.plan.steps.push(Step::AddView(at));
                continue;
            };
            if !is_same_view((old, &old.views[before]), (new, view)) {
                self.plan.steps.extend([Step::RemoveView(before), Step::AddView(at)]);
                self.plan.breaks_clients = true;
            } else if old.views[before].is_public != view.is_public {
                self.plan.steps.push(Step::ChangeViewAccess(at));
            }
        }
    }

    fn rules(&mut self, old: &ModuleDef, new: &ModuleDef) {
        let before: BTreeSet<_> = old.row_level_security.iter().collect();
        let now: BTreeSet<_> = new.row_level_security.iter().collect();
        let gone = old.row_level_security.iter().enumerate().filter(|(_, rule)| !now.contains(rule));
        self.plan.steps.extend(gone.map(|(at, _)| Step::RemoveRule(at)));
        let added = new.row_level_security.iter().enumerate().filter(|(_, rule)| !before.contains(rule));
        self.plan.steps.extend(added.map(|(at, _)| Step::AddRule(at)));
        self.plan.breaks_clients |= before != now;
    }
}

/// Where each table is in the definition.
fn by_name(module: &ModuleDef) -> HashMap<&str, usize> {
    module.tables.iter().enumerate().map(|(at, table)| (&*table.name, at)).collect()
}

/// Whether clients that know one of the views understand what the other answers.
fn is_same_view(
    (old_module, old): (&ModuleDef, &ViewDef),
    (new_module, new): (&ModuleDef, &ViewDef),
) -> bool {
    let columns = |columns: &[ColumnDef]| -> Vec<_> {
        columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect()
    };
    // Parameters that cannot be resolved would not have passed as a definition.
    let params = |module: &ModuleDef, view: &ViewDef| view.params.resolve(&module.typespace).ok();
    old.is_anonymous == new.is_anonymous
        && old.primary_key == new.primary_key
        && columns(&old.columns) == columns(&new.columns)
        && params(old_module, old) == params(new_module, new)
}
