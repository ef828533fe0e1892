//! Compares two definitions of a module: what must be done to the data, or why it cannot be done.

use orrery_host_abi::{
    ModuleDef,
    module_def::{ColumnDef, TableDef, ViewDef},
};

use super::apply::same_set;

/// One thing to do to the data. Places are those in the new definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a table.
    AddTable(usize),
    /// Build an index over a table that is there.
    AddIndex {
        /// The table.
        table: usize,
        /// The index of that table.
        index: usize,
    },
    /// Make a view known.
    AddView(usize),
}

impl Step {
    /// The step in words.
    pub(crate) fn describe(self, module: &ModuleDef) -> String {
        match self {
            Self::AddTable(table) => format!("Created table: {}", module.tables[table].name),
            Self::AddIndex { table, index } => {
                let table = &module.tables[table];
                format!("Created index: {} on {}", table.indexes[index].name, table.name)
            }
            Self::AddView(view) => format!("Created view: {}", module.views[view].name),
        }
    }
}

/// What turns data of the module `old` (none for an empty database) into data of the module `new`: steps, or
/// every reason why it cannot be done. Functions may change in any way.
pub(crate) fn plan(old: Option<&ModuleDef>, new: &ModuleDef) -> Result<Vec<Step>, Vec<String>> {
    let mut steps = Vec::new();
    let mut reasons = Vec::new();
    for (place, table) in new.tables.iter().enumerate() {
        match old.and_then(|old| old.tables.iter().find(|other| other.name == table.name)) {
            None => steps.push(Step::AddTable(place)),
            Some(old) => {
                compare_tables(old, table, &mut reasons);
                let added = table
                    .indexes
                    .iter()
                    .enumerate()
                    .filter(|(_, index)| !old.indexes.iter().any(|other| other.name == index.name));
                steps.extend(added.map(|(index, _)| Step::AddIndex { table: place, index }));
            }
        }
    }
    for (place, view) in new.views.iter().enumerate() {
        match old.and_then(|old| old.views.iter().find(|other| other.name == view.name)) {
            None => steps.push(Step::AddView(place)),
            Some(old) => compare_views(old, view, &mut reasons),
        }
    }
    if let Some(old) = old {
        for table in &old.tables {
            if !new.tables.iter().any(|other| other.name == table.name) {
                reasons.push(format!(
                    "table `{}` is gone: keep it in the module, or publish with the data deleted",
                    table.name
                ));
            }
        }
        for view in &old.views {
            if !new.views.iter().any(|other| other.name == view.name) {
                reasons.push(format!(
                    "view `{}` is gone: keep it in the module, or publish with the data deleted",
                    view.name
                ));
            }
        }
    }
    if reasons.is_empty() { Ok(steps) } else { Err(reasons) }
}

fn compare_tables(old: &TableDef, new: &TableDef, reasons: &mut Vec<String>) {
    let name = &new.name;
    let mut refuse = |what: String| {
        reasons.push(format!("table `{name}`: {what}; undo that change, or publish with the data deleted"));
    };
    compare_columns(&old.columns, &new.columns, &mut refuse);
    if old.primary_key != new.primary_key {
        refuse("its primary key has changed".into());
    }
    if old.is_event != new.is_event {
        refuse("it cannot become or cease to be an event table".into());
    }
    if old.is_public != new.is_public {
        refuse("its access has changed between public and private".into());
    }
    if old.accessor_name != new.accessor_name {
        refuse(format!(
            "its name in the code has changed from `{}` to `{}`",
            old.accessor_name, new.accessor_name
        ));
    }
    for index in &old.indexes {
        match new.indexes.iter().find(|other| other.name == index.name) {
            None => refuse(format!("index `{}` is gone", index.name)),
            Some(other) if other.algorithm != index.algorithm || other.alias != index.alias => {
                refuse(format!("index `{}` has changed", index.name));
            }
            Some(_) => {}
        }
    }
    for constraint in &old.unique_constraints {
        if !new.unique_constraints.iter().any(|other| same_set(&other.columns, &constraint.columns)) {
            refuse(format!("unique constraint `{}` is gone", constraint.name));
        }
    }
    for constraint in &new.unique_constraints {
        if !old.unique_constraints.iter().any(|other| same_set(&other.columns, &constraint.columns)) {
            refuse(format!("unique constraint `{}` is new, and the table exists", constraint.name));
        }
    }
    if old.sequences != new.sequences {
        refuse("its auto-increment columns have changed".into());
    }
    if old.schedule != new.schedule {
        refuse("its schedule has changed".into());
    }
}

fn compare_views(old: &ViewDef, new: &ViewDef, reasons: &mut Vec<String>) {
    let mut refuse = |what: String| {
        reasons
            .push(format!("view `{}`: {what}; undo that change, or publish with the data deleted", new.name));
    };
    compare_columns(&old.columns, &new.columns, &mut refuse);
    if old.is_anonymous != new.is_anonymous {
        refuse("it depends on who asks where it did not, or the other way round".into());
    }
}

fn compare_columns(old: &[ColumnDef], new: &[ColumnDef], refuse: &mut impl FnMut(String)) {
    for column in old {
        if !new.iter().any(|other| other.name == column.name) {
            refuse(format!("column `{}` is gone", column.name));
        }
    }
    for column in new {
        match old.iter().find(|other| other.name == column.name) {
            None => refuse(format!("column `{}` is new", column.name)),
            Some(other) if other.ty != column.ty => {
                refuse(format!("the type of column `{}` has changed", column.name));
            }
            Some(other) if other.accessor_name != column.accessor_name => refuse(format!(
                "the name of column `{}` in the code has changed from `{}` to `{}`",
                column.name, other.accessor_name, column.accessor_name
            )),
            Some(_) => {}
        }
    }
    let order = |columns: &[ColumnDef], others: &[ColumnDef]| -> Vec<Box<str>> {
        let common = columns.iter().filter(|column| others.iter().any(|other| other.name == column.name));
        common.map(|column| column.name.clone()).collect()
    };
    if order(old, new) != order(new, old) {
        refuse("its columns are in another order".into());
    }
}
