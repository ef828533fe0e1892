//! Compares two definitions of a module: what must be done to the data, or why it cannot be done.

use orrery_host_abi::{
    ModuleDef,
    module_def::{ColumnDef, TableDef, ViewDef},
};

use super::apply::same_set;

/// One thing to do to the data. Places are those in the new definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "steps that take away or change will join those that add")]
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

#[cfg(test)]
mod tests {
    use orrery_host_abi::{
        AlgebraicType, ColId, TypeRef, Typespace,
        module_def::{IndexAlgorithm, IndexDef, SequenceDef, UniqueConstraintDef},
    };

    use super::*;

    fn column(name: &str, ty: AlgebraicType) -> ColumnDef {
        ColumnDef { name: name.into(), accessor_name: name.into(), ty, default: None }
    }

    fn index(name: &str, columns: &[u16]) -> IndexDef {
        IndexDef {
            name: name.into(),
            alias: None,
            accessor_name: None,
            algorithm: IndexAlgorithm::BTree(columns.iter().map(|column| ColId(*column)).collect()),
        }
    }

    /// A table `id: U64, name: String` with a unique index on `id`.
    fn table(name: &str) -> TableDef {
        TableDef {
            name: name.into(),
            accessor_name: name.into(),
            row_type: TypeRef(0),
            columns: vec![column("id", AlgebraicType::U64), column("name", AlgebraicType::String)],
            primary_key: Some(ColId(0)),
            indexes: vec![index("by_id", &[0])],
            unique_constraints: vec![UniqueConstraintDef { name: "id_key".into(), columns: vec![ColId(0)] }],
            sequences: Vec::new(),
            schedule: None,
            is_public: true,
            is_event: false,
        }
    }

    fn module(tables: Vec<TableDef>) -> ModuleDef {
        ModuleDef {
            raw_version: 10,
            typespace: Typespace::default(),
            types: Vec::new(),
            tables,
            reducers: Vec::new(),
            procedures: Vec::new(),
            views: Vec::new(),
            http_handlers: Vec::new(),
            http_routes: Vec::new(),
            init: None,
            client_connected: None,
            client_disconnected: None,
            row_level_security: Vec::new(),
            submodules: Vec::new(),
        }
    }

    /// Plans the change of the table `t` that `change` makes.
    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut TableDef), reason: &str) {
        let mut changed = table("t");
        change(&mut changed);
        let reasons = plan(Some(&module(vec![table("t")])), &module(vec![changed])).unwrap_err();
        assert!(reasons.iter().any(|found| found.contains(reason)), "{reasons:#?} should name: {reason}");
    }

    #[test]
    fn a_first_program_makes_all_its_tables() {
        let new = module(vec![table("a"), table("b")]);
        assert_eq!(plan(None, &new), Ok(vec![Step::AddTable(0), Step::AddTable(1)]));
    }

    #[test]
    fn the_same_schema_needs_nothing() {
        let same = module(vec![table("a")]);
        assert_eq!(plan(Some(&same), &same), Ok(vec![]));
    }

    #[test]
    fn tables_and_indexes_may_be_added_in_any_place() {
        let mut changed = table("a");
        changed.indexes.insert(0, index("by_name", &[1]));
        let steps = plan(Some(&module(vec![table("a")])), &module(vec![table("b"), changed]));
        assert_eq!(steps, Ok(vec![Step::AddTable(0), Step::AddIndex { table: 1, index: 0 }]));
    }

    #[test]
    fn what_is_not_added_is_refused_with_its_place() {
        let other = |columns: &[u16]| UniqueConstraintDef {
            name: "other".into(),
            columns: columns.iter().map(|column| ColId(*column)).collect(),
        };
        let sequence = SequenceDef {
            name: "s".into(),
            column: ColId(0),
            start: None,
            min_value: None,
            max_value: None,
            increment: 1,
        };
        check_refused(|t| t.name = "u".into(), "table `t` is gone");
        check_refused(|t| t.columns.truncate(1), "table `t`: column `name` is gone");
        check_refused(|t| t.columns.push(column("age", AlgebraicType::U8)), "table `t`: column `age` is new");
        check_refused(|t| t.columns[1].ty = AlgebraicType::U8, "the type of column `name` has changed");
        check_refused(|t| t.columns.swap(0, 1), "its columns are in another order");
        check_refused(|t| t.columns[1].accessor_name = "n".into(), "from `name` to `n`");
        check_refused(|t| t.primary_key = None, "its primary key has changed");
        check_refused(|t| t.is_event = true, "event table");
        check_refused(|t| t.is_public = false, "its access has changed");
        check_refused(|t| t.indexes.clear(), "index `by_id` is gone");
        check_refused(|t| t.indexes[0] = index("by_id", &[1]), "index `by_id` has changed");
        check_refused(|t| t.unique_constraints.clear(), "unique constraint `id_key` is gone");
        check_refused(|t| t.unique_constraints.push(other(&[1])), "unique constraint `other` is new");
        check_refused(|t| t.sequences.push(sequence), "auto-increment");
    }
}
