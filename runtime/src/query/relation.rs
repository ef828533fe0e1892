//! What queries can be about: the tables and views of a database, by name.

use std::{collections::HashMap, sync::Arc};

use orrery_host_abi::{
    AlgebraicType, ColId, Element, LayoutError, ProductType, RowLayout, TableId, Typespace,
    bsatn::DecodeError, module_def::ColumnDef,
};

use super::{
    error::QueryError,
    syntax::{ColumnName, Name},
};
use crate::schema::{Catalog, FIRST_USER_ID, SYSTEM_TABLES};

/// A table or a view.
#[derive(Debug)]
pub(crate) struct Relation {
    /// Canonical name.
    pub(crate) name: Box<str>,
    /// Where its rows come from.
    pub(crate) source: Source,
    /// Where the columns of its rows are, with their types.
    pub(super) layout: RowLayout,
    columns: Box<[Column]>,
    is_public: bool,
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// They are stored.
    Table(TableId),
    /// The module computes them: its place among the module's views.
    View(usize),
}

/// The names of a column.
#[derive(Debug)]
struct Column {
    name: Box<str>,
    /// The name in the module's code.
    alias: Option<Box<str>>,
    /// Whether it is filled by a sequence where it is zero.
    is_generated: bool,
}

/// Who asks, and so what may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Everything.
    Owner,
    /// What is public.
    Public,
}

/// All tables and views of a database.
#[derive(Debug)]
pub(crate) struct Relations {
    by_name: HashMap<Box<str>, Arc<Relation>>,
}

impl Relations {
    /// Those of a running program.
    pub(crate) fn new(catalog: &Catalog) -> Result<Self, LayoutError> {
        let mut by_name = HashMap::new();
        let mut aliases = Vec::new();
        for table in SYSTEM_TABLES {
            let columns = table.columns.iter().map(|(name, ty)| (*name, None, ty.algebraic(), false));
            let source = Source::Table(TableId(table.id));
            let relation = Relation::new(table.name, source, columns, table.is_public)?;
            by_name.insert(table.name.into(), Arc::new(relation));
        }
        let module = &catalog.module;
        for table in &module.tables {
            // The catalog has found all tables of the module.
            let Some(id) = catalog.table(&table.name) else { continue };
            let columns = table.columns.iter().zip(0..).map(|(column, place)| {
                let is_generated = table.sequences.iter().any(|sequence| sequence.column == ColId(place));
                column_parts(column, is_generated)
            });
            let relation = Relation::new(&table.name, Source::Table(id), columns, table.is_public)?;
            aliases.push((&table.accessor_name, Arc::new(relation)));
        }
        for (place, view) in module.views.iter().enumerate() {
            // Views are for everybody, however they are declared.
            let columns = view.columns.iter().map(|column| column_parts(column, false));
            let relation = Relation::new(&view.name, Source::View(place), columns, true)?;
            aliases.push((&view.accessor_name, Arc::new(relation)));
        }
        for (_, relation) in &aliases {
            by_name.insert(relation.name.clone(), Arc::clone(relation));
        }
        for (alias, relation) in aliases {
            by_name.entry(alias.clone()).or_insert(relation);
        }
        Ok(Self { by_name })
    }

    /// The relation with that canonical name or alias, if the caller may see it. To others it is as if it were not
    /// there.
    pub(super) fn find(&self, name: &Name, rights: Rights) -> Result<&Arc<Relation>, QueryError> {
        let found = self.by_name.get(&name.text);
        found.filter(|relation| relation.is_public || rights == Rights::Owner).ok_or_else(|| {
            let private = match rights {
                Rights::Owner => "",
                Rights::Public => "; if there is one, it is private",
            };
            QueryError::at(name.at, format!("there is no table or view `{}`{private}", name.text))
        })
    }
}

/// Name, alias and type of a column, and whether it is filled by a sequence.
type ColumnParts<'c> = (&'c str, Option<&'c str>, AlgebraicType, bool);

fn column_parts(column: &ColumnDef, is_generated: bool) -> ColumnParts<'_> {
    let alias = (column.accessor_name != column.name).then_some(&*column.accessor_name);
    (&column.name, alias, column.ty.clone(), is_generated)
}

#[cfg(test)]
impl Relations {
    /// These relations, without aliases.
    pub(super) fn of(relations: impl Iterator<Item = Arc<Relation>>) -> Self {
        Self { by_name: relations.map(|relation| (relation.name.clone(), relation)).collect() }
    }
}

impl Relation {
    /// A relation with these columns.
    pub(super) fn new<'c>(
        name: &str,
        source: Source,
        columns: impl Iterator<Item = ColumnParts<'c>>,
        is_public: bool,
    ) -> Result<Self, LayoutError> {
        let (mut names, mut elements) = (Vec::new(), Vec::new());
        for (name, alias, ty, is_generated) in columns {
            names.push(Column { name: name.into(), alias: alias.map(Into::into), is_generated });
            elements.push(Element { name: Some(name.into()), ty });
        }
        let row_type = ProductType { elements: elements.into() };
        Ok(Self {
            name: name.into(),
            source,
            layout: RowLayout::new(&row_type, &Typespace::default())?,
            columns: names.into(),
            is_public,
        })
    }

    /// The row that the bytes begin with, and what follows it.
    pub(crate) fn split_row<'r>(&self, bytes: &'r [u8]) -> Result<(&'r [u8], &'r [u8]), DecodeError> {
        Ok(bytes.split_at(self.layout.validate(bytes)?))
    }

    /// The place of the column with that name: as in the module's code, else canonical.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let by_alias = self.columns.iter().position(|column| column.alias.as_deref() == Some(name));
        by_alias.or_else(|| self.columns.iter().position(|column| *column.name == *name))
    }

    /// The place of a column in a statement about this relation alone.
    pub(super) fn own_column(&self, name: &Name) -> Result<usize, QueryError> {
        self.column(&name.text)
            .ok_or_else(|| QueryError::at(name.at, format!("`{}` has no column `{}`", self.name, name.text)))
    }

    /// The canonical name of a column.
    pub(super) fn column_name(&self, column: usize) -> &str {
        &self.columns[column].name
    }

    /// The type of a column.
    pub(super) fn column_type(&self, column: usize) -> &AlgebraicType {
        &self.layout.columns()[column].ty
    }

    /// Whether a column is filled by a sequence where it is zero.
    pub(super) fn is_generated(&self, column: usize) -> bool {
        self.columns[column].is_generated
    }

    /// How many columns it has.
    pub(super) fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// The names and types of its columns.
    pub(super) fn elements(&self) -> impl Iterator<Item = Element> {
        let types = self.layout.columns().iter().map(|column| column.ty.clone());
        self.columns.iter().zip(types).map(|(column, ty)| Element { name: Some(column.name.clone()), ty })
    }

    /// The names of some of its columns, for messages.
    pub(crate) fn column_names(&self, columns: &[ColId]) -> String {
        let names = columns.iter().filter_map(|id| self.columns.get(usize::from(id.0)));
        names.map(|column| &*column.name).collect::<Vec<_>>().join(", ")
    }

    /// Its id, if it is a table.
    pub(crate) fn table(&self) -> Option<TableId> {
        match self.source {
            Source::Table(id) => Some(id),
            Source::View(_) => None,
        }
    }

    /// Whether it is one of the tables in which a database describes itself.
    pub(super) fn is_system(&self) -> bool {
        self.table().is_some_and(|id| id.0 < FIRST_USER_ID)
    }

    /// Whether anybody may read it.
    pub(super) fn is_public(&self) -> bool {
        self.is_public
    }
}

/// The relations of one query by what they are called in it.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Arc<Relation>>,
    aliases: Vec<Box<str>>,
}

/// A column of one of the relations of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnRef {
    /// The place of the relation in the query.
    pub(super) relation: usize,
    /// The place of the column in the relation.
    pub(super) column: usize,
}

impl Scope {
    /// Adds a relation.
    pub(super) fn add(&mut self, relation: &Arc<Relation>, alias: &Name) -> Result<(), QueryError> {
        if self.aliases.contains(&alias.text) {
            let message = format!("`{}` is there twice: give one of them another name with AS", alias.text);
            return Err(QueryError::at(alias.at, message));
        }
        self.relations.push(Arc::clone(relation));
        self.aliases.push(alias.text.clone());
        Ok(())
    }

    /// The place of the relation that is called so.
    pub(super) fn relation(&self, alias: &Name) -> Result<usize, QueryError> {
        self.aliases
            .iter()
            .position(|known| *known == alias.text)
            .ok_or_else(|| QueryError::at(alias.at, format!("there is no `{}` in FROM or JOIN", alias.text)))
    }

    /// The column that is called so. Without a table it must be in exactly one of them.
    pub(super) fn column(&self, name: &ColumnName) -> Result<ColumnRef, QueryError> {
        let ColumnName { table, column } = name;
        if let Some(table) = table {
            let relation = self.relation(table)?;
            return Ok(ColumnRef { relation, column: self.relations[relation].own_column(column)? });
        }
        if let [only] = &*self.relations {
            return Ok(ColumnRef { relation: 0, column: only.own_column(column)? });
        }
        let mut found = self.relations.iter().enumerate().filter_map(|(relation, known)| {
            known.column(&column.text).map(|column| ColumnRef { relation, column })
        });
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => {
                let message = format!("none of the joined tables has a column `{}`", column.text);
                Err(QueryError::at(column.at, message))
            }
            (Some(_), Some(_)) => {
                let message = format!(
                    "more than one of the joined tables has a column `{}`: write the table and a dot before it",
                    column.text
                );
                Err(QueryError::at(column.at, message))
            }
        }
    }

    /// The type of a column.
    pub(super) fn column_type(&self, column: ColumnRef) -> &AlgebraicType {
        self.relations[column.relation].column_type(column.column)
    }
}
